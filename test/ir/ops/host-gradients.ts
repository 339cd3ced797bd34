/** Gradients on host tensors by the records' references: what the tests of gradient rules run them on. */
import type { HostTensor } from '../../../src/base/dtype.js'
import { isStatic, sub } from '../../../src/ir/dims.js'
import type { Attrs, Value } from '../../../src/ir/graph.js'
import { fromNumbers } from '../../../src/ir/host-tensor.js'
import type { ConcreteType, GradContext, InferContext, Op } from '../../../src/ir/op.js'
import { getOp } from '../../../src/ir/ops/index.js'
import { tensorType } from '../../../src/ir/types.js'

/** Takes no assumption that does not hold. */
const STRICT: InferContext = {
  assume(a, b, why, kind = 'eq') {
    const difference = sub(a, b)
    if (typeof difference !== 'number' || (kind === 'eq' ? difference !== 0 : difference > 0)) throw new Error(`it is not so that ${why}`)
  },
}

/** The result types of an op for concrete tensors. */
export function resultTypes(op: Op, inputs: readonly (HostTensor | null)[], attrs: Attrs): readonly ConcreteType[] {
  const values = inputs.map((t, i): Value | null => (t === null ? null : { name: `x${i}`, type: tensorType(t.dtype, t.shape), data: t }))
  return op.infer({ inputs: values, attrs: attrs as never }, STRICT).map((t): ConcreteType => {
    if (t.kind !== 'tensor' || !isStatic(t.shape)) throw new Error('results must have concrete types')
    return { dtype: t.dtype, shape: t.shape }
  })
}

/** All results of an op. */
export function runOp(name: string, inputs: readonly (HostTensor | null)[], attrs: Attrs = {}): readonly HostTensor[] {
  const op = getOp(name)
  return op.reference({ inputs, attrs: attrs as never, outputs: resultTypes(op, inputs, attrs) })
}

export const ON_HOST: GradContext<HostTensor> = {
  emit: (name, inputs, attrs) => runOp(name, inputs, attrs)[0] as HostTensor,
  shape: (t) => t.shape,
  dtype: (t) => t.dtype,
  scalar: (dtype, value) => fromNumbers(dtype, [], [value]),
}

/** The gradients of an op's inputs from that of its result; the rule is given what it saves and nothing else. */
export function gradientsOf(op: Op, inputs: readonly (HostTensor | null)[], attrs: Attrs, dy: HostTensor, wants: readonly boolean[]): readonly (HostTensor | null)[] {
  if (op.grad === undefined) throw new Error(`${op.name} has no gradient`)
  const outputs = op.reference({ inputs, attrs: attrs as never, outputs: resultTypes(op, inputs, attrs) })
  const saved = op.grad.saves(attrs as never, wants)
  return op.grad.backward(ON_HOST, {
    inputs: inputs.map((t, i) => (saved.inputs.includes(i) ? t : null)),
    outputs: outputs.map((t, i) => (saved.outputs.includes(i) ? t : null)),
    types: { inputs: inputs.map((t) => (t === null ? null : tensorType(t.dtype, t.shape))), outputs: outputs.map((t) => tensorType(t.dtype, t.shape)) },
    attrs: attrs as never,
  }, [dy], wants)
}
