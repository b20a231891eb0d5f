import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { buildUiIfStale } from "../../ui/build.ts";

const EXECUTABLE = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

/** Why tests in a browser cannot run here; false if they can. */
export const NO_BROWSER =
  !existsSync(EXECUTABLE) && `no Chromium at ${EXECUTABLE}: install it, or set CHROMIUM to where it is`;

/** Not kept in the repository; CI keeps them as artefacts. */
const SCREENSHOTS = fileURLToPath(new URL("../../../../artifacts/screenshots/", import.meta.url));

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

// Before a server starts, which serves what is there by then.
if (NO_BROWSER === false) await buildUiIfStale();

let browser: Promise<Browser> | undefined;

function openBrowser(): Promise<Browser> {
  browser ??= chromium.launch({ executablePath: EXECUTABLE, args: FLAGS });
  return browser;
}

after(async () => (await browser)?.close());

export interface PageOptions {
  readonly dark?: boolean;
  /** As wide as a small phone, with touch. */
  readonly phone?: boolean;
}

/** A page in a browser of its own, that notes whatever goes wrong in it. */
export class TestPage {
  readonly page: Page;
  readonly home: string;
  readonly #context: BrowserContext;
  readonly #problems: string[] = [];
  /** Console errors that are expected: the browser notes each answer of 400 and above. */
  readonly #expected: RegExp[] = [];

  static async open(port: number, { dark = false, phone = false }: PageOptions = {}, prefix = "/"): Promise<TestPage> {
    const context = await (await openBrowser()).newContext({
      colorScheme: dark ? "dark" : "light",
      viewport: phone ? { width: 375, height: 740 } : { width: 1280, height: 800 },
      hasTouch: phone,
      isMobile: phone,
      locale: "en-GB",
      permissions: ["clipboard-read", "clipboard-write"],
    });
    const opened = new TestPage(context, await context.newPage(), `http://127.0.0.1:${port}${prefix}`);
    await opened.#watch();
    await opened.page.goto(opened.home);
    return opened;
  }

  private constructor(context: BrowserContext, page: Page, home: string) {
    this.#context = context;
    this.page = page;
    this.home = home;
  }

  async #watch(): Promise<void> {
    const { page } = this;
    page.setDefaultTimeout(15_000);
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") this.#problems.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => this.#problems.push(`error: ${error.stack ?? error.message}`));
    page.on("request", (request) => {
      if (!request.url().startsWith(new URL("/", this.home).href)) this.#problems.push(`elsewhere: ${request.url()}`);
    });
    await page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
        console.error(`Content-Security-Policy: ${violatedDirective} ${blockedURI}`);
      });
    });
  }

  /** Goes to a page of the interface: what stands behind `#/`. */
  async go(path: string): Promise<void> {
    await this.page.evaluate((hash) => {
      window.location.hash = hash;
    }, `#/${path}`);
  }

  /** Lets the browser complain about what the test provokes. */
  expect(problem: RegExp): void {
    this.#expected.push(problem);
  }

  async screenshot(name: string): Promise<void> {
    mkdirSync(SCREENSHOTS, { recursive: true });
    await this.page.screenshot({ path: `${SCREENSHOTS}${name}.png` });
  }

  /** Fails on findings of axe that it calls serious or critical. */
  async checkAccessibility(what: string): Promise<void> {
    // By the debugger's protocol, since the page's policy lets no foreign script in.
    await this.page.evaluate(AXE);
    const violations = await this.page.evaluate(async () => {
      const { axe } = window as unknown as { axe: { run(): Promise<{ violations: AxeViolation[] }> } };
      return (await axe.run()).violations;
    });
    const serious = violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(
        ({ id, help, nodes }) =>
          `${id}: ${help}\n${nodes.map(({ html, failureSummary }) => `  ${html}\n  ${failureSummary}`).join("\n")}`,
      );
    assert.deepEqual(serious, [], `axe on ${what}`);
  }

  /** Nothing is wider than the window. */
  async checkWidth(what: string): Promise<void> {
    const wide = await this.page.evaluate(() => {
      const { clientWidth } = document.documentElement;
      const scrolls = (element: Element | null): boolean =>
        element !== null &&
        (/auto|scroll|hidden/.test(getComputedStyle(element).overflowX) || scrolls(element.parentElement));
      return [...document.querySelectorAll("body *")]
        .filter((element) => element.getBoundingClientRect().right > clientWidth + 1 && !scrolls(element.parentElement))
        .map((element) => element.outerHTML.slice(0, 120));
    });
    const scrollable = await this.page.evaluate(() => {
      const main = document.querySelector("main")!;
      return main.scrollWidth > main.clientWidth + 1;
    });
    assert.deepEqual([wide, scrollable], [[], false], `${what} is wider than the window`);
  }

  /** Fails if anything went wrong in the page: errors, violations of its policy, requests to elsewhere. */
  async close(): Promise<void> {
    await this.#context.close();
    const problems = this.#problems.filter((problem) => !this.#expected.some((expected) => expected.test(problem)));
    assert.deepEqual(problems, []);
  }
}

interface AxeViolation {
  readonly id: string;
  readonly impact: string;
  readonly help: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
