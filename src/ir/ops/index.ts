/** The list of all op records. Adding an op is one file (or one line in a family's table) and one line here. */
import { IngotError } from '../../base/error.js'
import type { Op } from '../op.js'
import { ACTIVATIONS } from './activations.js'
import { ARG_EXTREMES } from './arg-extreme.js'
import { attention } from './attention.js'
import { BINARY } from './binary.js'
import { BOOKKEEPING } from './bookkeeping.js'
import { castOp } from './cast.js'
import { CHANNEL_NORMS } from './channel-norms.js'
import { CHOICES } from './choose.js'
import { col2im } from './col2im.js'
import { couplePairs } from './couple-pairs.js'
import { concat } from './concat.js'
import { CONTROL_FLOW } from './control-flow.js'
import { cumprod } from './cumprod.js'
import { cumsum } from './cumsum.js'
import { det } from './det.js'
import { REPEATS } from './expand.js'
import { fused } from './fused.js'
import { GATHERS } from './gather.js'
import { gridSample } from './grid-sample.js'
import { ROW_NORMS } from './layer-norm.js'
import { MAKERS, POSITIONALS } from './make.js'
import { pad } from './pad.js'
import { REDUCTIONS } from './reduce.js'
import { reinterpret } from './reinterpret.js'
import { RESHAPES } from './reshape.js'
import { SCATTERS } from './scatter.js'
import { slice } from './slice.js'
import { SOFTMAXES } from './softmax.js'
import { relayout } from './relayout.js'
import { topK } from './top-k.js'
import { treeEnsemble } from './tree-ensemble.js'
import { transpose } from './transpose.js'
import { UNARY } from './unary.js'
import { averagePool, lpPool } from './average-pool.js'
import { convTranspose } from './conv-transpose.js'
import { conv } from './conv.js'
import { pairedConv, pairedMatmul, pairHalves } from './paired-products.js'
import { gru, gruRecurrence } from './gru.js'
import { linearAttention } from './linear-attention.js'
import { lstm, lstmRecurrence } from './lstm.js'
import { matmul } from './matmul.js'
import { measure } from './measure.js'
import { nonMaxSuppression } from './non-max-suppression.js'
import { maxPool, maxPoolIndices } from './max-pool.js'
import { maxRoiPool } from './max-roi-pool.js'
import { resize } from './resize.js'
import { rnn, rnnRecurrence } from './rnn.js'
import { roiAlign } from './roi-align.js'
import { WINOGRAD } from './winograd.js'

const LIST: readonly Op[] = [
  ...UNARY, ...ACTIVATIONS, ...BINARY, ...CHOICES, castOp,
  ...RESHAPES, reinterpret, transpose, relayout, slice, concat, ...REPEATS, ...GATHERS, ...SCATTERS, pad, ...MAKERS, ...POSITIONALS,
  ...REDUCTIONS, ...ARG_EXTREMES, ...SOFTMAXES, ...ROW_NORMS, ...CHANNEL_NORMS, cumsum, cumprod, topK, treeEnsemble, couplePairs, nonMaxSuppression,
  matmul, det, attention, linearAttention, conv, convTranspose, col2im, maxPool, maxPoolIndices, averagePool, lpPool, resize, gridSample, roiAlign, maxRoiPool, lstm, gru, rnn, lstmRecurrence, gruRecurrence, rnnRecurrence, ...WINOGRAD, pairHalves, pairedMatmul, pairedConv,
  ...CONTROL_FLOW, measure, ...BOOKKEEPING, fused,
]

/** All op records by name. */
export const OPS: ReadonlyMap<string, Op> = new Map(LIST.map((op) => [op.name, op]))

/** The record of an op; throws `unknown-op`. */
export function getOp(name: string): Op {
  const op = OPS.get(name)
  if (op === undefined) throw new IngotError('unknown-op', `there is no op named '${name}'`, { hint: 'the ops are listed in docs/ops.md' })
  return op
}
