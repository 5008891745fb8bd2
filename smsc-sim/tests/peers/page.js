// Opens the simulator's page in Chromium, uses it as a person would, and prints what it saw as JSON.
// Arguments: the page's URL, and a folder for screenshots or "-".
"use strict";
const { chromium } = require("playwright-core");

const [url, folder] = process.argv.slice(2);
const TABS = 20;
const seen = { problems: [], widths: {}, scrolling: [], brokenWords: [] };

function listen(page) {
  page.on("console", (message) => {
    if (message.type() === "error") seen.problems.push(message.text());
  });
  page.on("pageerror", (error) => seen.problems.push(String(error)));
}

async function open(browser, width, colorScheme) {
  const context = await browser.newContext({
    viewport: { width, height: width < 500 ? 844 : 900 }, colorScheme,
  });
  const page = await context.newPage();
  listen(page);
  await page.goto(url);
  await page.waitForSelector('#lamp[data-state="live"]');
  return page;
}

async function shoot(browser) {
  for (const width of [390, 1280]) {
    for (const scheme of ["light", "dark"]) {
      const page = await open(browser, width, scheme);
      await page.waitForSelector("#rows tr");
      await page.locator("#rows tr").first().click();
      await page.waitForSelector("#opened article");
      await page.click("#wire button");
      await page.waitForSelector("#wire-rows tbody tr");
      await page.waitForSelector("#conformance-rows table");
      await page.locator("#messages .table").focus();
      await page.evaluate(() => scrollTo(0, 0));
      // A picture is to show charts that have begun.
      if (folder !== "-") await page.waitForTimeout(1500);
      // Wider than the window means that something sticks out.
      seen.widths[`${width}-${scheme}`] =
        await page.evaluate(() => document.documentElement.scrollWidth);
      const scrolling = await page.evaluate(() => [...document.querySelectorAll(".table")]
        .filter((table) => table.scrollWidth > table.clientWidth)
        .map((table) => table.closest("section").id));
      await page.evaluate(() => document.querySelector("#conformance details").open = true);
      seen.brokenWords.push(...await page.evaluate(brokenWords));
      seen.scrolling.push(...scrolling.map((id) => `${width}-${scheme}: ${id}`));
      if (folder !== "-") {
        await page.screenshot({ path: `${folder}/${width}-${scheme}.png`, fullPage: true });
      }
      await page.context().close();
    }
  }
}

// Words of the table of checks that stand on two lines.
function brokenWords() {
  const broken = [];
  const texts = document.createTreeWalker(
    document.querySelector("#conformance-rows"), NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    for (const word of texts.currentNode.data.matchAll(/\w+/g)) {
      const range = document.createRange();
      range.setStart(texts.currentNode, word.index);
      range.setEnd(texts.currentNode, word.index + word[0].length);
      if (range.getClientRects().length > 1) broken.push(word[0]);
    }
  }
  return broken;
}

const rowsAre = (page, list, count) => page.waitForFunction(
  ([id, wanted]) => document.querySelectorAll(`#${id} li`).length === wanted, [list, count]);

const focused = (page) => page.evaluate(() => {
  const has = document.activeElement;
  return has.getAttribute("aria-label") ?? (has.title || has.id || has.tagName);
});

const post = (page, path, body) => page.evaluate(([to, json]) =>
  fetch(`/api/v1/smscs/${document.body.dataset.smsc}/${to}`,
    { method: "POST", body: JSON.stringify(json) }), [path, body]);

// Faults of the same type are told apart, and each is switched off by itself.
async function switchFaults(page) {
  await post(page, "faults",
    { type: "latency", attributes: { latency: "77ms" }, stream: "up", toxicity: 0.5 });
  await post(page, "faults", { type: "latency", attributes: { latency: "88ms" } });
  await rowsAre(page, "fault-rows", 2);
  seen.twoFaults = await page.locator("#fault-rows li").allTextContents();
  seen.catalogueOn = await page.locator('#fault-switches [aria-checked="true"]').count();
  seen.faultFocus = [];
  for (const left of [1, 0]) {
    await page.locator("#fault-rows button").first().focus();
    await page.keyboard.press("Space");
    await rowsAre(page, "fault-rows", left);
    seen.faultFocus.push(await focused(page));
  }
}

// Whoever works with the keyboard stays where they are.
async function keepFocus(page) {
  await post(page, "rules", { id: "first", match: { to: "4912*" } });
  await rowsAre(page, "rule-rows", 1);
  const turn = page.locator('#rule-rows [role="switch"]');
  await turn.focus();
  await page.keyboard.press("Space");
  await page.waitForSelector('#rule-rows [role="switch"][aria-checked="false"]');
  seen.ruleFocus = [await focused(page)];
  // Another one puts a rule in front.
  await post(page, "rules", { id: "second" });
  await rowsAre(page, "rule-rows", 2);
  seen.ruleFocus.push(await focused(page));
  seen.ruleIds = await page.locator("#rule-rows strong").allTextContents();
  await page.locator("#rule-rows button", { hasText: "Remove" }).first().focus();
  for (const left of [1, 0]) {
    await page.keyboard.press("Enter");
    await rowsAre(page, "rule-rows", left);
    seen.ruleFocus.push(await focused(page));
  }
}

async function refuseLetters(page) {
  await page.fill('#rules input[name="latency_ms"]', "abc");
  const [refused] = await Promise.all([
    page.waitForEvent("console"), page.click("#rules form button"),
  ]);
  const output = page.locator('#rules output[data-ok="false"]');
  seen.letters = await output.textContent();
  // The browser writes down each answer that is no success.
  seen.problems = seen.problems.filter((problem) => problem !== refused.text());
  await page.fill('#rules input[name="latency_ms"]', "0");
}

async function use(page) {
  await page.waitForSelector("#rows tr");
  await page.fill('#filter input[name="to"]', "99900");
  await page.waitForFunction(() => document.querySelectorAll("#rows tr").length === 1);
  seen.filtered = await page.locator("#rows tr td").nth(2).textContent();
  seen.state = await page.locator("#rows tr .state").textContent();
  await page.locator("#rows tr").first().click();
  await page.waitForSelector("#opened .fields");
  seen.fields = await page.locator("#opened .fields dt").allTextContents();
  seen.octets = await page.locator("#opened .hex span").count();
  const field = page.locator("#opened .fields div", { hasText: "destination_addr" }).last();
  await field.hover();
  seen.lit = (await page.locator("#opened .hex .lit").allTextContents()).join("");
  await page.fill('#detail input[name="hex"]', "00000011 00000015 00000000 00000001 00");
  await page.click('#detail form[hx-get="/page/pdu"] button');
  await page.waitForSelector("#opened .odd");
  seen.odd = await page.locator("#opened .odd").allTextContents();

  await page.fill('#filter input[name="to"]', "");
  await page.waitForFunction(() => document.querySelectorAll("#rows tr").length > 1);
  await page.keyboard.press("Escape");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#opened .timeline");
  seen.chosen = await page.locator("#rows tr.chosen").count();

  await page.click("#inject button");
  await page.waitForFunction(() => document.querySelector("#inject output").textContent !== "…"
    && document.querySelector("#inject output").textContent !== "");
  seen.injected = await page.locator("#inject output").textContent();
  await page.selectOption('#rules select[name="submit_status"]', "ESME_RSYSERR");
  await page.click("#rules form button");
  await page.getByRole("switch", { name: "no response" }).click();
  await page.waitForSelector('#faults [role="switch"][aria-checked="true"]');
  seen.faults = await page.locator('#faults [aria-checked="true"]').allTextContents();
  await page.getByRole("switch", { name: "no response" }).click();
  await page.waitForSelector('#faults:not(:has([aria-checked="true"]))');
  await switchFaults(page);
  await keepFocus(page);
  await page.locator("#faults form button").last().click();
  await page.waitForSelector("#rule-rows li");
  seen.rules = await page.locator("#rule-rows code").allTextContents();
  await page.waitForFunction(() => document.querySelector("#rules output").textContent === "done");
  await refuseLetters(page);
  // It asks before it replaces the scenario.
  page.once("dialog", (dialog) => {
    seen.asked = dialog.message();
    dialog.dismiss();
  });
  await page.click('#faults form[data-api="scenario"] button');
  seen.afterNo = await page.locator("#rule-rows li").count();
  page.on("dialog", (dialog) => dialog.accept());
  // Each profile is one that the API knows.
  const profiles = page.locator('#faults select[name="profile"]');
  seen.profiles = [];
  for (const profile of await profiles.locator("option").allTextContents()) {
    await profiles.selectOption(profile);
    await page.click('#faults form[data-api="scenario"] button');
    const output = page.locator('#faults form[data-api="scenario"] output');
    await page.waitForFunction(() => !["", "…"].includes(
      document.querySelector('#faults form[data-api="scenario"] output').textContent));
    seen.profiles.push(await output.textContent());
  }
  await profiles.selectOption("healthy");
  await page.click('#faults form[data-api="scenario"] button');
  await page.waitForSelector('#faults:not(:has([aria-checked="true"]))');
  await page.click("#clock form:first-of-type button");
  await page.waitForFunction(() => document.querySelector("#clock-mode").textContent === "virtual");
  seen.inForce = await page.locator("#clock button:disabled").allTextContents();
  seen.sessions = await page.locator("#session-rows tbody tr").count();

  // By keyboard alone: a departure's PDU is opened.
  await page.waitForSelector("#conformance-rows tbody tr");
  seen.departure = await page.locator("#conformance-rows tbody tr").first().textContent();
  seen.checks = await page.locator("#conformance-rows summary").textContent();
  await page.locator("#conformance-rows button").first().focus();
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector("#opened").textContent
    .includes("+49172"));
  await page.locator("#conformance-rows summary").focus();
  await page.keyboard.press("Enter");
  await page.waitForSelector("#conformance-rows details[open]");
  seen.switches = await page.locator('#fault-switches [role="switch"]').count();
}

// A tab that nobody sees asks for no states; it asks once it is seen again.
async function showAgain(page) {
  const hide = (hidden) => page.evaluate((value) => {
    Object.defineProperty(document, "hidden", { value, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
  const state = () => page.locator("#rows tr:last-child .state");
  await page.waitForFunction(() =>
    document.querySelector("#rows tr:last-child .state").textContent === "DELIVRD");
  await hide(true);
  await state().evaluate((cell) => { cell.textContent = ""; });
  await hide(false);
  await page.waitForFunction(() =>
    document.querySelector("#rows tr:last-child .state").textContent !== "");
  seen.shownAgain = await state().textContent();
}

async function main() {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
      // A few processes for all tabs, as on a machine with few processors.
      "--renderer-process-limit=4",
      "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  try {
    await shoot(browser);
    const page = await open(browser, 1280, "light");
    // Both came before this page was opened.
    await page.waitForFunction(() => /minutes [1-9]/.test(
      document.querySelector("#chart").getAttribute("aria-label")));
    await showAgain(page);
    await use(page);
    const context = page.context();
    const tabs = await Promise.all(Array.from({ length: TABS }, async () => {
      const other = await context.newPage();
      listen(other);
      await other.goto(url, { waitUntil: "commit" });
      await other.waitForSelector('#lamp[data-state="live"]');
      return other;
    }));
    console.log("tabs");
    // The test sends messages from here on; each tab has to see them.
    await Promise.all(tabs.map((tab) => tab.waitForFunction(() => Number(
      document.querySelector("#seen").textContent.replaceAll(",", "")) >= 3000)));
    seen.tabs = tabs.length;
    seen.rows = await tabs[0].locator("#rows tr").count();
  } finally {
    await browser.close();
  }
  console.log(JSON.stringify(seen));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
