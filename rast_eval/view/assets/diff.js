// Two outputs beside each other: where they first differ, and which pieces one has and the other has not.

const MOST = 1200; // edits that are looked for; beyond, all after the first difference counts as different

export const pieces = (text) => text.match(/\s+|[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu) ?? [];

export function sharedStart(a, b) {
  let i = 0;
  while (i < a.length && i < b.length && a[i] === b[i]) i++;
  return i;
}

// For both texts, the [start, end) in characters that the other does not have; Myers' greedy algorithm.
export function differences(first, second) {
  const [a, b] = [pieces(first), pieces(second)];
  const start = sharedStart(a, b);
  let end = 0;
  while (end < Math.min(a.length, b.length) - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const kept = common(a.slice(start, a.length - end), b.slice(start, b.length - end));
  const mark = (parts, side) => {
    const same = new Set(kept.map((pair) => pair[side] + start));
    const ranges = [];
    let at = 0;
    parts.forEach((part, i) => {
      const differs = i >= start && i < parts.length - end && !same.has(i);
      if (differs && ranges.at(-1)?.[1] === at) ranges.at(-1)[1] = at + part.length;
      else if (differs) ranges.push([at, at + part.length]);
      at += part.length;
    });
    return ranges;
  };
  const length = (parts) => parts.slice(0, start).join("").length;
  const equal = first === second;
  return { equal, at: equal ? -1 : length(a), ranges: [mark(a, 0), mark(b, 1)], whole: kept.whole };
}

function common(a, b) {
  const steps = [];
  let reach = new Map([[1, 0]]);
  for (let d = 0; d <= Math.min(a.length + b.length, MOST); d++) {
    steps.push(new Map(reach));
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && reach.get(k - 1) < reach.get(k + 1));
      let x = down ? reach.get(k + 1) : reach.get(k - 1) + 1;
      let y = x - k;
      while (x < a.length && y < b.length && a[x] === b[y]) [x, y] = [x + 1, y + 1];
      reach.set(k, x);
      if (x >= a.length && y >= b.length) return walk(steps, d, a.length, b.length);
    }
  }
  return Object.assign([], { whole: true });
}

function walk(steps, last, x, y) {
  const pairs = [];
  for (let d = last; d >= 0; d--) {
    const reach = steps[d];
    const k = x - y;
    const from = k === -d || (k !== d && reach.get(k - 1) < reach.get(k + 1)) ? k + 1 : k - 1;
    const startX = d ? reach.get(from) : 0;
    const startY = d ? startX - from : 0;
    while (x > startX && y > startY) pairs.push([--x, --y]);
    [x, y] = [startX, startY];
  }
  return pairs.reverse();
}
