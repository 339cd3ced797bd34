/**
 * Schedule: HOW a compute runs, as a list of directives on its outer axes and on the axes of its stages. Plain data, so a
 * policy is a function that returns one and a search is a loop over them. Directives apply in order; one that names an axis
 * which several stages have applies to each of them.
 */
import type { Dim } from '../dims.js'

/** One decision. */
export type Directive =
  /** Replaces `axis` by `outer` (steps of `factor`) and, somewhere inside it, `inner` (0 … factor): axis = outer + inner. Extents that `factor` does not divide get a remainder loop of single steps. With `then`, only the first `from` points go by `factor`, the others by a factor of their own. */
  | { readonly kind: 'split'; readonly axis: string; readonly factor: number; readonly outer: string; readonly inner: string; readonly then?: SplitRest }
  /** New nesting order of axes that share a nest; all of them, outermost first. */
  | { readonly kind: 'reorder'; readonly axes: readonly string[] }
  /** Writes the (constant-extent) axis out. An unrolled outer axis is jammed: every stage inside is repeated per point with its own accumulators. */
  | { readonly kind: 'unroll'; readonly axis: string }
  /** Runs the axis in vector lanes where the target has them; must be an innermost axis with constant extent. Changes nothing on targets without lanes. */
  | { readonly kind: 'vectorize'; readonly axis: string }
  /**
   * Runs the outer axis in parts, one after another: of each, `count` groups of `size` points, or as many as fit in what is left.
   * The parts' own directives come first, those after this one hold for all parts. Stands first; parts must cover the axis.
   */
  | { readonly kind: 'divide'; readonly axis: string; readonly parts: readonly { readonly size: number; readonly count?: number; readonly schedule: Schedule }[] }
  /** Iterations may be shared among threads; only parallel loops may be around it. */
  | { readonly kind: 'parallel'; readonly axis: string }
  /** Folds the points of a stage's axis that are written out into `registers` registers in turn for each of its accumulators, which are folded into one when the loops end: for tiles of too few sums to fill the pipeline. */
  | { readonly kind: 'alternate'; readonly axis: string; readonly registers: number }
  /** Computes what is stored for so many of the points that are written out side by side step by step, instead of for one after another. */
  | { readonly kind: 'interleave'; readonly points: number }
  /** Stores the sums of a tile as they are, and computes what is stored in a loop over the tile that reads them back. */
  | { readonly kind: 'drain' }
  /** Workgroups of `threads` invocations take `points` points of the only outer axis each (all there is, where there is none); the invocations of a point share the loops of its stages. Stands alone. */
  | { readonly kind: 'group'; readonly axis?: string; readonly points: number; readonly threads: number }
  /**
   * Workgroups compute tiles of a contraction whose one factor moves along the outer axes `rows`, the other along `columns`, both along the rest: in
   * steps of `depth` points of the sum, both factors are brought to shared memory. With `slices`, so many sets of invocations share the tile: each adds up
   * `depth` points of every step of `slices` times as many, and their sums are added at the end. Stands alone.
   */
  | GroupTile
  /** Workgroups move boxes of points from the order of what is read to the order of what is written, through shared memory. Stands alone. */
  | GroupTranspose

/** The invocations of a workgroup, and the vectors of four points that each has, along one side of a tile. The factor's elements lie side by side `along` the sum or along the side. */
export interface TileSide { readonly axes: readonly string[]; readonly invocations: number; readonly vectors: number; readonly along: 'depth' | 'points' }

export interface GroupTile { readonly kind: 'group-tile'; readonly rows: TileSide; readonly columns: TileSide; readonly depth: number; readonly slices: number }

/**
 * `box`: points along outer axes that a workgroup of `threads` invocations takes, `most` at most together, in the order in which it writes them (the fastest last); it has
 * one point of every other axis. Loads whose elements lie side by side along the last of `order`, the same axes in the order in which these are read, and neither along the
 * last of `box` nor all at one place there, are brought to shared memory.
 */
export interface GroupTranspose { readonly kind: 'group-transpose'; readonly box: readonly BoxSide[]; readonly order: readonly string[]; readonly threads: number; readonly most: number }

export interface BoxSide { readonly axis: string; readonly points: Dim }

/** How a split goes on after its first `from` points, a multiple of its own factor. */
export interface SplitRest { readonly from: number; readonly factor: number }

export type Schedule = readonly Directive[]

/** What changes a compute before it has loops; stands before the directives that name what it makes. */
export type Preparation =
  /** Makes the neighbouring outer axes `outer` and `inner` one axis, over their points in order. */
  | { readonly kind: 'join'; readonly outer: string; readonly inner: string; readonly axis: string }
  /** Makes the outer axis `axis`, whose extent `factor` divides, two: `outer` in its place and `inner`, of extent `factor`, innermost; axis = factor · outer + inner. */
  | { readonly kind: 'tile'; readonly axis: string; readonly factor: number; readonly outer: string; readonly inner: string }
  /** Goes on along the outer axis to `extent` points: vectors are full, and what they hold beyond the axis is not stored. Loops that reach there must have a place known when the kernel is written. */
  | { readonly kind: 'widen'; readonly axis: string; readonly extent: number }
  /** Takes the sum along `axis` in blocks of `points`, which divide it, the new outermost axis `outer` going through them; between blocks sums wait in the result's memory. */
  | { readonly kind: 'block'; readonly axis: string; readonly points: number; readonly outer: string }
  /** Stores a constant input, seen as a matrix of rows of `columns` elements, in panels of `factor` columns: [columns/factor][rows][factor], the last panel filled with zeros. With `rows`, each block of so many rows is a matrix of its own. */
  | { readonly kind: 'pack'; readonly buffer: string; readonly columns: number; readonly factor: number; readonly rows?: number }

/** All that a policy decides about a compute. */
export type Plan = readonly (Preparation | Directive)[]
