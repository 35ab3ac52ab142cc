// Which problems a filter leaves and in which order: pure functions of the letters of the list.

const RIGHT = "rk";

export function share(marks) {
  const there = [...marks].filter((mark) => mark !== " " && mark !== "u");
  return there.length ? there.filter((mark) => RIGHT.includes(mark)).length / there.length : NaN;
}

export const mostly = (marks) => share(marks) >= 0.5;

export const gain = (row, x, y) => share(row.marks[y]) - share(row.marks[x]);

const turned = (from, to) => !Number.isNaN(share(from)) && !Number.isNaN(share(to)) && mostly(from) !== mostly(to);

// Columns by role: of the compared pair, and the ceiling.
export function matches(row, filter, view) {
  const from = row.marks[view.x];
  const to = row.marks[view.y];
  if (filter === "fixes") return turned(from, to) && mostly(to);
  if (filter === "breaks") return turned(from, to) && mostly(from);
  if (filter === "ceiling") {
    const ceiling = row.marks[view.columns.findIndex((column) => column.role === "rl")];
    return ceiling !== undefined && turned(ceiling, to) && mostly(ceiling);
  }
  if (filter === "disputed") return row.disputed;
  if (filter === "cut") return row.marks.some((marks) => /[ck]/.test(marks));
  const [key, letters] = filter.split(":");
  return [...(row.marks[view.columns.findIndex((column) => column.key === key)] ?? "")].some((mark) => letters.includes(mark));
}

export function titles(view) {
  const [from, to] = [view.x, view.y].map((c) => view.columns[c]?.label ?? "");
  return {
    fixes: [`${to} fixes ${from}`, `at least half of ${to}'s samples are right, fewer of ${from}'s`],
    breaks: [`${to} breaks ${from}`, `at least half of ${from}'s samples are right, fewer of ${to}'s`],
    ...(view.columns.some((column) => column.role === "rl")
      ? { ceiling: [`RL right, ${to} wrong`, `the RL ceiling is right in at least half of its samples, ${to} is not`] }
      : {}),
    disputed: ["scorers disagree", "two scorers judge one of the outputs differently"],
    cut: ["cut", "an output was ended by the token limit"],
  };
}

export function name(filter, view, marks) {
  const known = titles(view)[filter];
  if (known) return known[0];
  const [key, letters] = filter.split(":");
  return `${view.columns.find((column) => column.key === key)?.label}: ${[...letters].map((letter) => marks[letter]).join(" or ")}`;
}

export function chosen(rows, filters, found, sort, view) {
  const kept = rows.filter((row) => (!found || found.has(row.id)) && filters.every((f) => matches(row, f, view)));
  if (!sort) return kept;
  const up = sort === "loss" ? 1 : -1;
  const value = (row) => {
    const moved = gain(row, view.x, view.y);
    return Number.isNaN(moved) ? Infinity : up * moved;
  };
  return kept.map((row, i) => [value(row), i, row]).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(([, , row]) => row);
}
