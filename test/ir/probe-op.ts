/** An op with an attribute of every kind, for tests of the languages' handling of attributes. Importing this registers it. */
import { defineOp, type Op } from '../../src/ir/op.js'
import { OPS } from '../../src/ir/ops/index.js'

/** `probe(x, y?)` gives `x`; its attributes mean nothing. */
export const probe = defineOp({
  name: 'probe', doc: 'Gives its first input.', source: 'a test', pattern: 'opaque', samples: [],
  attrs: {
    int: 'int', ints: 'ints', float: 'float', floats: 'floats', string: 'string', strings: 'strings', bool: 'bool', bools: 'bools',
    dtype: 'dtype', dim: 'dim', dims: 'dims', tensor: 'tensor', graph: 'graph',
  },
  infer: ({ inputs }) => (inputs[0] == null ? [] : [inputs[0].type]),
  reference: ({ inputs }) => (inputs[0] == null ? [] : [inputs[0]]),
})
;(OPS as Map<string, Op>).set(probe.name, probe)
