# push.rb HOST:PORT push|add|delete
require "prometheus/client"
require "prometheus/client/push"

gateway, action = ARGV
registry = Prometheus::Client::Registry.new
push = Prometheus::Client::Push.new(job: "nightly", instance: "host 1", gateway: "http://#{gateway}")

response =
  case action
  when "push"
    registry.gauge(:client_temperature_celsius, "A gauge.", { room: "größer" }).set({ room: "größer" }, 21.5)
    registry.counter(:client_runs_total, "A counter.").increment({}, 3)
    push.replace(registry)
  when "add"
    registry.gauge(:client_added, "Another gauge.").set({}, 2)
    push.add(registry)
  else
    push.delete
  end
abort("#{response.code} #{response.body}") unless response.is_a?(Net::HTTPSuccess)
