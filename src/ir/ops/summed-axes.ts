/** The axes that matrix products and convolutions sum over first. */
import type { Attrs } from '../graph.js'

/** Of the operands of a matrix product, which have these ranks; that of a vector is its only one. */
export const summedByMatmul = ([left, right]: readonly [number, number], attrs: Attrs): readonly [number, number] => [inner(left, attrs['trans_a'] !== true), inner(right, attrs['trans_b'] === true)]

const inner = (rank: number, isLast: boolean): number => (rank === 1 ? 0 : isLast ? rank - 1 : rank - 2)

/** Of the operands of a convolution, those of channels. */
export const summedByConv = (): readonly [number, number] => [1, 1]
