export { resolveSettings, type Settings } from "./config/settings.ts";
export { type AppOptions, createApp } from "./create-app.ts";
export { createLogger, type Logger } from "./logging.ts";
export { type RunningServer, type StartOptions, startServer } from "./start-server.ts";
export { createJournal } from "./storage.ts";
