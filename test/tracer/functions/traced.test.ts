import { describe, expect, it } from 'vitest'
import type { HostTensor } from '../../../src/base/dtype.js'
import { toNumbers } from '../../../src/ir/host-tensor.js'
import { interpret } from '../../../src/ir/interpret.js'
import { einsum, tensordot } from '../../../src/tracer/functions/einsum.js'
import * as f from '../../../src/tracer/functions/functional.js'
import { hstack, meshgrid } from '../../../src/tracer/functions/joining.js'
import { Tensor } from '../../../src/tracer/tensor.js'
import { trace } from '../../../src/tracer/trace.js'
import { expectNumbers, ints, numbers, seeded } from './values.js'

/** Composed functions of [n, 4, 6] with n left open. */
const FUNCTIONS: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  var: (x) => x.var([0, 2]), std: (x) => x.std(1), norm: (x) => x.norm(3, 0), max: (x) => x.max(1).values, argmin: (x) => x.argmin(), countNonzero: (x) => x.countNonzero(0), all: (x) => x.gt(-1).all(2), logsumexp: (x) => x.logsumexp(0),
  topk: (x) => x.topk(2, 1).values, sort: (x) => x.sort(0).values, median: (x) => x.median(2).values, softmax: (x) => x.softmax(0), cumsum: (x) => x.cumsum(0), clamp: (x) => x.clamp(x.neg(), 0.5), expm1: (x) => x.expm1(), log1p: (x) => x.abs().log1p(),
  addcmul: (x) => x.addcmul(x, x, 2), floorDivide: (x) => x.floorDivide(0.3), isclose: (x) => x.isclose(x), maskedFill: (x) => x.maskedFill(x.gt(0), 1), gather: (x) => x.gather(2, x.argsort(2)), takeAlongDim: (x) => x.takeAlongDim(x.argmax(2, { keepdim: true }), 2),
  indexSelect: (x) => x.indexSelect(1, ints([2, 0])), scatterAdd: (x) => x.scatterAdd(2, x.argsort(2), x), indexAdd: (x) => x.indexAdd(1, ints([1, 1, 0, 0]), x), flip: (x) => x.flip(0, 2), roll: (x) => x.roll(2, 0), repeat: (x) => x.repeat(1, 2, 1),
  repeatInterleave: (x) => x.repeatInterleave(3, 0), triu: (x) => x.triu(), pad: (x) => x.pad([1, 1, 0, 2]), movedim: (x) => x.movedim(0, 2), unflatten: (x) => x.unflatten(2, [2, 3]), flatten: (x) => x.flatten(0, 1), slice: (x) => x.slice(2, 1, null, 2), sliceOpen: (x) => x.slice(0, 1, null, 2), sliceFromEnd: (x) => x.slice(0, -2, -1),
  diagonal: (x) => x.diagonal(1, 1, 2), pixelShuffle: (x) => x.unsqueeze(1).pixelShuffle(1), einsum: (x) => einsum('nab,nac->nbc', x, x), einsumSum: (x) => einsum('nab->n', x), tensordot: (x) => tensordot(x, x, [[1, 2], [1, 2]]), bmm: (x) => x.bmm(x.transpose(1, 2)),
  hstack: (x) => hstack([x, x]), meshgrid: (x) => meshgrid([x.select(1, 0).select(1, 0), x.select(1, 1).select(1, 1)])[1] as Tensor, oneHot: (x) => x.argmax(2).oneHot(6), chunk: (x) => x.chunk(2, 1)[1] as Tensor, abs_: (x) => x.clone().abs_(), slicesWritten: (x) => x.clone().indexFill_(1, ints([0]), 7),
  glu: (x) => f.glu(x), normalize: (x) => f.normalize(x), instanceNorm: (x) => f.instanceNorm(x), interpolate: (x) => f.interpolate(x, { scaleFactor: 1.5, mode: 'linear' }), nllLoss: (x) => f.nllLoss(x.logSoftmax(1), x.select(1, 0).mul(0).to('int64')),
  crossEntropy: (x) => f.crossEntropy(x, x.softmax(1)), bce: (x) => f.binaryCrossEntropyWithLogits(x, x.sigmoid()), cosineSimilarity: (x) => f.cosineSimilarity(x, x.add(1)), maxPool1d: (x) => f.maxPool1d(x, 2), adaptiveAvgPool1d: (x) => f.adaptiveAvgPool1d(x, 3), lrn: (x) => f.localResponseNorm(x, 2),
}

describe('functions traced with an open extent compute what they do eagerly', () => {
  it.each(Object.entries(FUNCTIONS))('%s', (_, fn) => {
    const graph = trace(fn, [{ shape: ['n', 4, 6], dtype: 'float64' }]), [output] = graph.outputs
    for (const n of [1, 3]) {
      const x = seeded([n, 4, 6], 40 + n), wanted = fn(x), found = interpret(graph, { x0: x as HostTensor })[output?.name ?? ''] as HostTensor
      expect([found.dtype, found.shape]).toEqual([wanted.dtype, wanted.shape])
      expectNumbers(new Tensor('float64', found.shape, Float64Array.from(toNumbers(found))), numbers(wanted))
    }
  })
})
