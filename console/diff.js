// What differs between two texts: lines first, then the words of the lines that changed.

/** @typedef {["same" | "del" | "ins", string]} Piece */

/** Comparing takes a table of this many cells at most; longer texts are shown whole, before and after. */
const MOST_CELLS = 1_000_000;
/** With fewer common words than this, a changed passage is easier to read whole. */
const FEWEST_COMMON = 0.35;

/** @param {string[]} before @param {string[]} after @returns {Piece[]} */
function compareParts(before, after) {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let end = 0;
  while (end < before.length - start && end < after.length - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end++;
  const a = before.slice(start, before.length - end);
  const b = after.slice(start, after.length - end);
  /** @type {Piece[]} */
  const pieces = before.slice(0, start).map((part) => ["same", part]);
  pieces.push(...(a.length * b.length > MOST_CELLS ? whole(a, b) : longestCommon(a, b)));
  pieces.push(...before.slice(before.length - end).map((part) => /** @type {Piece} */ (["same", part])));
  return joined(pieces);
}

/** @param {string[]} a @param {string[]} b @returns {Piece[]} */
const whole = (a, b) => [...a.map((part) => /** @type {Piece} */ (["del", part])), ...b.map((part) => /** @type {Piece} */ (["ins", part]))];

/** By the longest common subsequence. @param {string[]} a @param {string[]} b @returns {Piece[]} */
function longestCommon(a, b) {
  const width = b.length + 1;
  const lengths = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      lengths[i * width + j] = a[i] === b[j] ? lengths[(i + 1) * width + j + 1] + 1 : Math.max(lengths[(i + 1) * width + j], lengths[i * width + j + 1]);
    }
  }
  /** @type {Piece[]} */
  const pieces = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      pieces.push(["same", a[i++]]);
      j++;
    } else if (j === b.length || (i < a.length && lengths[(i + 1) * width + j] >= lengths[i * width + j + 1])) pieces.push(["del", a[i++]]);
    else pieces.push(["ins", b[j++]]);
  }
  return pieces;
}

/** Neighbors of a kind as one piece. @param {Piece[]} pieces @returns {Piece[]} */
function joined(pieces) {
  /** @type {Piece[]} */
  const found = [];
  for (const [kind, text] of pieces) {
    const last = found[found.length - 1];
    if (last?.[0] === kind) last[1] += text;
    else if (text) found.push([kind, text]);
  }
  return found;
}

/** @param {string} text */
const wordsOf = (text) => text.match(/\s+|[\p{L}\p{N}_']+|[^\s\p{L}\p{N}_']/gu) || [];

/** @param {string} before @param {string} after @returns {Piece[]} */
export function compareTexts(before, after) {
  const lines = compareParts(before.split(/(?<=\n)/), after.split(/(?<=\n)/));
  /** @type {Piece[]} */
  const found = [];
  for (let i = 0; i < lines.length; i++) {
    const [[kind, text], next] = [lines[i], lines[i + 1]];
    if (kind === "same" || !next || next[0] === "same") {
      found.push(lines[i]);
      continue;
    }
    const [old, fresh] = kind === "del" ? [text, next[1]] : [next[1], text];
    const words = compareParts(wordsOf(old), wordsOf(fresh));
    const common = words.reduce((sum, [part, some]) => sum + (part === "same" ? some.trim().length : 0), 0);
    if (common / Math.max(old.length, fresh.length) >= FEWEST_COMMON) found.push(...words);
    else found.push(["del", old], ["ins", fresh]);
    i++;
  }
  return joined(found);
}

/** Shortens what did not change: lines far from a change are left out. @param {Piece[]} pieces @param {number} [around] @returns {(Piece | ["gap", number])[]} */
export function shorten(pieces, around = 2) {
  return pieces.flatMap((piece, i) => {
    const lines = piece[0] === "same" ? piece[1].split(/(?<=\n)/) : [];
    const [before, after] = [i === 0 ? 0 : around, i === pieces.length - 1 ? 0 : around];
    const hidden = lines.length - before - after;
    if (hidden < 3) return [piece];
    /** @type {(Piece | ["gap", number])[]} */
    const shown = [["same", lines.slice(0, before).join("")], ["gap", hidden], ["same", lines.slice(lines.length - after).join("")]];
    return shown.filter(([, text]) => text);
  });
}
