/** Extents that are known only while running: integers that nodes made become symbols of the graph. */
import { elementCount } from '../../base/dtype.js'
import { IngotError, invariant } from '../../base/error.js'
import { printShape } from '../dims-text.js'
import { isStatic } from '../dims.js'
import { tensorOf } from '../graph.js'
import { defineOp, type Op } from '../op.js'

/**
 * Gives its input, whose elements are the values of `symbols` from then on; the graph declares them as `measured`. Programs run what
 * comes before and what comes after as two parts (`codegen/split-parts.ts`), so there is no kernel.
 */
export const measure: Op = defineOp({
  name: 'measure',
  doc: 'Its input, a small integer tensor, whose elements become symbols that extents may speak of from then on.',
  source: 'ONNX NonZero-13, Compress-11 and others, whose results are as long as their elements say',
  attrs: { symbols: 'strings' },
  pattern: 'opaque',
  infer({ inputs: [x], attrs: { symbols } }) {
    invariant(x !== null && x !== undefined, 'measure has an input')
    const { dtype, shape } = tensorOf(x)
    if (dtype !== 'int64' && dtype !== 'int32') throw new IngotError('unsupported-dtype', `only int32 and int64 can be measured, not ${dtype}`)
    if (!isStatic(shape) || elementCount(shape) !== symbols.length) throw new IngotError('shape-mismatch', `${symbols.length} symbols do not fit a tensor of shape ${printShape(shape)}`)
    return [x.type]
  },
  symbolic: ({ attrs }) => attrs.symbols,
  reference({ inputs: [x] }) {
    invariant(x !== null && x !== undefined, 'measure has an input')
    return [x]
  },
  samples: [],
})
