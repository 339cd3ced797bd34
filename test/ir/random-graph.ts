/** Random sound graphs, built as importers and tracers build them: symbolic extents, shape arithmetic, constants, odd names. */
import type { DType } from '../../src/base/dtype.js'
import { GraphBuilder } from '../../src/ir/build.js'
import type { Dim } from '../../src/ir/dims.js'
import { dtypeOf, shapeOf, type Graph, type Value } from '../../src/ir/graph.js'
import { seededRandom, seededTensor } from '../../src/ir/host-tensor.js'

const UNARY = ['neg', 'abs', 'relu', 'sigmoid', 'floor', 'tanh'] as const
const BINARY = ['add', 'sub', 'mul', 'maximum', 'minimum'] as const
const NAMES = ['x', 'h', '/layer/out', 'a b', 'ünïcode', '7', 'tick`s', undefined] as const
const DTYPES: readonly DType[] = ['float32', 'float32', 'float64', 'float16', 'bfloat16']
const EXTENTS: readonly Dim[] = ['n', 'seq len', 3, 4, 1]

/** A graph of `size` steps; the same for the same seed. Its symbols are `n` and `seq len`. */
export function randomGraph(seed: number, size: number): Graph {
  const random = seededRandom(seed)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const b = new GraphBuilder({ name: pick(['g', 'main graph']), stage: 'inference' })
  const dtype = pick(DTYPES)
  const ports = b.input('ports', { kind: 'tensor', dtype, shape: ['n', 'seq len'] })
  b.symbol('n', { kind: 'extent', input: 0, axis: 0 })
  b.symbol('seq len', { kind: 'extent', input: 0, axis: 1 })
  const values: Value[] = [ports, b.input('input/1', { kind: 'tensor', dtype, shape: [pick(EXTENTS), pick(EXTENTS)] })]
  for (let i = 0; i < size; i++) {
    const options = { origin: `step ${i}`, names: [pick(NAMES)] }
    const x = pick(values)
    const shape = shapeOf(x)
    switch (Math.floor(random() * 7)) {
      case 0: case 1: values.push(b.add1(pick(UNARY), [x], {}, options)); break
      case 2: values.push(b.add1(pick(BINARY), [x, pick(values.filter((v) => JSON.stringify(shapeOf(v)) === JSON.stringify(shape)))], {}, options)); break
      case 3: values.push(b.add1(pick(BINARY), [x, b.constant(seededTensor(dtypeOf(x), pick([[], [1], [1, 1]]), seed + i), 'scale')], {}, options)); break
      case 4: values.push(b.add1('transpose', [x], { perm: shape.map((_, k) => shape.length - 1 - k) }, options)); break
      case 5: values.push(b.add1('reshape', [x], { shape: [...shape].reverse() }, options)); break
      case 6: values.push(b.add1('concat', [x, x], { axis: 0 }, options)); break
    }
  }
  b.output('result', values[values.length - 1] as Value)
  b.output('other result', pick(values))
  return b.finish()
}
