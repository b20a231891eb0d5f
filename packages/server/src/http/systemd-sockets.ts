import { WaystationError } from "@waystation/core";

const FIRST_FD = 3;

/**
 * File descriptors of the sockets that systemd opened for this process: sd_listen_fds(3).
 *
 * @throws `CONFIG` if there are none
 */
export function systemdSockets(env: NodeJS.ProcessEnv): number[] {
  const count = Number(env["LISTEN_FDS"]);
  if (env["LISTEN_PID"] !== String(process.pid) || !Number.isSafeInteger(count) || count < 1) {
    throw new WaystationError(
      "CONFIG",
      "--web.systemd-socket is set, but systemd passed no sockets: start the gateway from a .socket unit",
    );
  }
  return Array.from({ length: count }, (_, i) => FIRST_FD + i);
}
