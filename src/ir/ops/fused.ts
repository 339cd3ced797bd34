/** The op of a fused group: a nested graph that becomes one kernel. */
import { IngotError, invariant } from '../../base/error.js'
import type { HostTensor } from '../../base/dtype.js'
import { interpret } from '../interpret.js'
import { defineOp } from '../op.js'
import { printType, typesEqual } from '../types.js'

/** `fused{body}(inputs…)`: input number i of the node is input number i of the body, whose only output is the result. */
export const fused = defineOp({
  name: 'fused',
  doc: 'A group of nodes that becomes one kernel.',
  source: 'made by the pass fuse',
  attrs: { body: 'graph' },
  pattern: 'opaque',
  infer({ inputs, attrs: { body } }) {
    body.inputs.forEach((port, i) => {
      const given = inputs[i]
      if (given === null || given === undefined || !typesEqual(given.type, port.type)) {
        throw new IngotError('shape-mismatch', `input ${i} of a fused body is ${printType(port.type)}, not ${given === null || given === undefined ? 'absent' : printType(given.type)}`)
      }
    })
    return body.outputs.map((o) => o.value.type)
  },
  reference({ inputs, attrs: { body } }) {
    const feeds: Record<string, HostTensor> = {}
    body.inputs.forEach((port, i) => {
      const tensor = inputs[i]
      invariant(tensor !== null && tensor !== undefined, `input ${i} of a fused body is given`)
      feeds[port.name] = tensor
    })
    const results = interpret(body, feeds)
    return body.outputs.map((o) => results[o.name] as HostTensor)
  },
  // Bodies are made by the pass alone; its own cases and every fuzzed graph are its samples.
  samples: [],
})
