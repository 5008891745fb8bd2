// Lists whose rows stay where they are while they are read and used with the keyboard.

// Shows the items in their order, a row for each id, and returns the rows by their ids. A row that
// is there already is updated in its place. When the one that has the focus goes, the same part
// of the next one has it, or of the last one; without any row what otherwise(row) names.
export function arrange(list, rowsOfIds, items, { make, update, otherwise }) {
  const rows = new Map();
  for (const item of items) {
    const row = rowsOfIds.get(item.id) ?? make(item);
    update(row, item);
    rows.set(item.id, row);
  }
  const wanted = [...rows.values()];
  const focused = document.activeElement;
  const before = [...list.children];
  const at = before.findIndex((row) => row.contains(focused));
  const part = at < 0 ? -1 : [...before[at].children].indexOf(focused);
  const kept = new Set(wanted);
  for (const row of before) if (!kept.has(row)) row.remove();
  wanted.forEach((row, place) => {
    if (list.children[place] !== row) list.insertBefore(row, list.children[place] ?? null);
  });
  if (part >= 0 && !kept.has(before[at])) {
    const next = wanted[Math.min(at, wanted.length - 1)];
    (next ? next.children[part] : otherwise(before[at]))?.focus();
  }
  return rows;
}
