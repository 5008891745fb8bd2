// Forms and buttons that call the control API: data-api is the path, data-method the method,
// data-confirm what is asked before. What the API answers is shown beside the button.

function bodyOf(form) {
  // A field that is JSON by itself is the whole body.
  if (form.dataset.raw) return form.elements[form.dataset.raw].value;
  const body = {};
  for (const field of form.elements) {
    if (!field.name) continue;
    const isNumber = field.dataset.type === "number";
    if (field.value.trim() === "") {
      if (isNumber) body[field.name] = null;
      continue;
    }
    // What is no number goes as it is, so that the API says what is wrong with it.
    body[field.name] = isNumber && Number.isFinite(+field.value) ? +field.value : field.value;
  }
  return body;
}

function said(answer, text) {
  let told = {};
  try {
    told = JSON.parse(text);
  } catch {
    told = { detail: text };
  }
  if (!answer.ok) return told.detail ?? answer.statusText;
  if (told.command_status) return `answered ${told.command_status}`;
  if (told.fired !== undefined) return `${told.fired} came due`;
  return "done";
}

async function call(api, element, body) {
  const output = element.querySelector?.("output");
  const show = (text, ok) => {
    if (!output) return;
    output.textContent = text;
    output.dataset.ok = ok;
  };
  show("…", true);
  try {
    const answer = await fetch(api + element.dataset.api, {
      method: element.dataset.method,
      headers: body ? { "content-type": "application/json" } : {},
      body: typeof body === "string" ? body : body && JSON.stringify(body),
    });
    show(said(answer, await answer.text()), answer.ok);
    return answer.ok;
  } catch (error) {
    show(`not reached: ${error.message}`, false);
    return false;
  }
}

// Fills each form with data-load from what the API answers there.
export async function load(api) {
  for (const form of document.querySelectorAll("form[data-load]")) {
    if (form.contains(document.activeElement)) continue;
    const answer = await fetch(api + form.dataset.load).catch(() => null);
    if (!answer?.ok) continue;
    const values = await answer.json();
    for (const field of form.elements) {
      if (!(field.name in values)) continue;
      const value = values[field.name] ?? "";
      const isChoice = field.tagName === "SELECT";
      if (isChoice && ![...field.options].some((option) => option.value === value)) {
        field.add(new Option(value));
      }
      field.value = value;
    }
  }
}

// After a call of data-api, done[data-api] is called.
export function bindForms(api, done) {
  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("form");
    event.preventDefault();
    if (!form?.dataset.api) return;
    if (form.dataset.confirm && !window.confirm(form.dataset.confirm)) return;
    await call(api, form, bodyOf(form));
    done[form.dataset.api]?.();
  });
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-api]");
    if (button) await call(api, button, null);
    const copy = event.target.closest("button[data-copy]");
    if (copy) {
      await navigator.clipboard.writeText(copy.dataset.copy);
      copy.textContent = "Copied";
    }
  });
}
