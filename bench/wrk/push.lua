-- Pushes a data set to its groups in turn: wrk -s push.lua URL PLAN START
-- PLAN is a file that src/load/wrk.ts writes; START says with which push to begin.

local groups, kinds, versions
local before, after = "", {}
local number = 0

function init(args)
  local plan = assert(io.open(args[1], "rb"))
  groups, kinds, versions = plan:read("*n", "*n", "*n")
  plan:read("*l")
  before = "PUT " .. plan:read("*l")
  for i = 0, kinds * versions - 1 do
    local length = plan:read("*n")
    plan:read(1)
    after[i] = " HTTP/1.1\r\nHost: bench\r\nContent-Length: " .. length .. "\r\n\r\n" .. plan:read(length)
  end
  plan:close()
  -- wrk asks for one request that it looks at and does not send.
  number = tonumber(args[2]) - 1
end

function request()
  local group = number % groups
  local version = math.floor(number / groups) % versions
  number = number + 1
  return before .. group .. after[(group % kinds) * versions + version]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"errors":%d,"duration":%d,"p50":%d,"p99":%d,"max":%d}\n',
    summary.requests, e.connect + e.read + e.write + e.status + e.timeout, summary.duration,
    latency:percentile(50), latency:percentile(99), latency.max
  ))
end
