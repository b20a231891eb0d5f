import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const root = fileURLToPath(new URL(".", import.meta.url));

export default defineConfig({
  root,
  // Relative URLs, so that the page works under whatever prefix a proxy gives it.
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  // `vite` alone serves the page with a gateway that runs beside it.
  server: { proxy: { "/api": "http://localhost:9091", "/metrics": "http://localhost:9091" } },
  build: {
    target: "es2022",
    assetsDir: "static",
    // Inlined assets and polyfills would need exceptions in the Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  logLevel: "warn",
});
