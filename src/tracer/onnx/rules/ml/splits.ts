/**
 * Decision trees as models give them, and as splits of one kind: what is at most a threshold goes low, what is above goes high, and a missing element (NaN)
 * goes low, or high, or apart from all others. Every comparison of ONNX is one or two of these, exactly.
 */

/** A node of a tree; `yes` and `no` are positions in the list of nodes. */
export type TreeNode = Branch | { readonly kind: 'leaf'; readonly votes: readonly Vote[] }
export interface Branch {
  readonly kind: 'branch'
  readonly feature: number
  readonly mode: Mode
  readonly threshold: number
  /** What an element is sought among where the mode is `in`. */
  readonly members?: readonly number[]
  /** A missing element goes to `yes` whatever the comparison says. */
  readonly tracksTrue: boolean
  readonly yes: number
  readonly no: number
}
export type Mode = '<=' | '<' | '>=' | '>' | '==' | '!=' | 'in'
/** What a leaf adds to the score of a target. */
export interface Vote { readonly target: number; readonly weight: number }

/** Where a missing element goes. */
export type Missing = 'low' | 'high' | 'apart'
export interface Split {
  readonly kind: 'split'
  readonly feature: number
  readonly missing: Missing
  /** The greatest element that goes low; means nothing where missing elements are taken apart: they go high, and all others low. */
  readonly atMost: number
  readonly low: Place
  readonly high: Place
  /** Splits from here to the farthest leaf. */
  readonly depth: number
}
export interface Leaf { readonly kind: 'leaf'; readonly votes: readonly Vote[]; readonly depth: 0 }
/** What follows a split. */
export type Place = Split | Leaf

/** The numbers that elements can be. */
export interface Numbers {
  /** The greatest of them that is not above `x`, which is no NaN; undefined where there is none. */
  notAbove(x: number): number | undefined
  /** The greatest of them below `x`, which is no NaN; undefined where there is none. */
  below(x: number): number | undefined
}

function splitOf(feature: number, missing: Missing, atMost: number, low: Place, high: Place): Split {
  return { kind: 'split', feature, missing, atMost, low, high, depth: 1 + Math.max(low.depth, high.depth) }
}

/** What is at most `atMost` (nothing where that is undefined) goes to `low`, other numbers to `high`, and what is missing to `missing`, which is one of the two. */
function split(feature: number, atMost: number | undefined, low: Place, high: Place, missing: Place): Place {
  const [rest, other] = atMost === undefined ? [high, low] : [low, high]
  if (atMost !== undefined && atMost !== Infinity) return splitOf(feature, missing === low ? 'low' : 'high', atMost, low, high)
  return missing === rest ? rest : splitOf(feature, 'apart', 0, rest, other)
}

/** What equals `x` goes to `hit`, other numbers to `miss`. */
function pick(feature: number, x: number, hit: Place, miss: Place, missing: Place, numbers: Numbers): Place {
  const below = numbers.below(x), upTo = numbers.notAbove(x)
  if (below === upTo) return missing === miss ? miss : splitOf(feature, 'apart', 0, miss, hit)
  const rest = split(feature, upTo, hit, miss, missing)
  return split(feature, below, miss, rest, missing === hit ? rest : miss)
}

/** What is one of `members`, which ascend, goes to `hit`: half of them is left after each split. */
function member(feature: number, members: readonly number[], hit: Place, miss: Place, missing: Place, numbers: Numbers): Place {
  const middle = members.length >> 1, at = members[middle]
  if (at === undefined) return missing === miss ? miss : splitOf(feature, 'apart', 0, miss, hit)
  if (middle === 0) return pick(feature, at, hit, miss, missing, numbers)
  const low = member(feature, members.slice(0, middle), hit, miss, miss, numbers), high = member(feature, members.slice(middle), hit, miss, missing, numbers)
  return split(feature, numbers.below(at), low, high, high)
}

/** The splits of a branch whose ways lead to `yes` and `no`. */
export function splitsOf(branch: Branch, yes: Place, no: Place, numbers: Numbers): Place {
  const { feature, threshold, mode, tracksTrue } = branch, missing = tracksTrue ? yes : no
  if (yes === no) return yes
  if (mode === 'in') return member(feature, [...new Set(branch.members)].filter((m) => !Number.isNaN(m)).sort((a, b) => a - b), yes, no, missing, numbers)
  // What is missing differs from everything, and everything from what is missing.
  if (Number.isNaN(threshold)) return mode === '!=' ? yes : missing === no ? no : splitOf(feature, 'apart', 0, no, yes)
  switch (mode) {
    case '<=': return split(feature, numbers.notAbove(threshold), yes, no, missing)
    case '<': return split(feature, numbers.below(threshold), yes, no, missing)
    case '>': return split(feature, numbers.notAbove(threshold), no, yes, missing)
    case '>=': return split(feature, numbers.below(threshold), no, yes, missing)
    case '==': return pick(feature, threshold, yes, no, missing, numbers)
    case '!=': return pick(feature, threshold, no, yes, yes, numbers)
  }
}
