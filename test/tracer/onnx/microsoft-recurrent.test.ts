import { describe, expect, it } from 'vitest'
import type { HostTensor } from '../../../src/base/dtype.js'
import { hostTensor } from '../../../src/ir/host-tensor.js'
import { interpret } from '../../../src/ir/interpret.js'
import { importOnnxSync } from '../../../src/tracer/onnx/index.js'
import { expectEverywhere, initializer, microsoft, modelOf, numbersOf, random, randomIntegers } from './microsoft-models.js'
import { errorOf, node, port } from './onnx-models.js'

const HIDDEN = 5, FEATURES = 3

describe.each(['forward', 'bidirectional'])('DynamicQuantizeLSTM, %s', (direction) => {
  const count = direction === 'bidirectional' ? 2 : 1, attributes = { hidden_size: HIDDEN, direction }
  const bias = random(count, 8 * HIDDEN), weight = randomIntegers('int8', [count, FEATURES, 4 * HIDDEN], -100, 100), recurrent = randomIntegers('uint8', [count, HIDDEN, 4 * HIDDEN], 0, 255)

  it.each(['each direction', 'each row'])('is the LSTM whose weights its integers stand for, with scales for %s', async (scales) => {
    const perRow = scales === 'each row', size = perRow ? [count, 4 * HIDDEN] : [count], scale = (): HostTensor => { const r = random(...size); return hostTensor('float32', size, numbersOf({ r }, 'r').map((v) => 0.002 + 0.001 * v)) }
    const parts = { weightScale: scale(), weightZero: randomIntegers('int8', size, -5, 5), recurrentScale: scale(), recurrentZero: randomIntegers('uint8', size, 100, 150) }
    /** [directions, columns, rows] of integers as [directions, rows, columns] of real numbers. */
    const real = (x: HostTensor, s: HostTensor, z: HostTensor): HostTensor => {
      const [, columns, rows] = x.shape as [number, number, number], v = numbersOf({ x }, 'x'), by = numbersOf({ s }, 's'), zero = numbersOf({ z }, 'z')
      return hostTensor('float32', [count, rows, columns], Array.from({ length: v.length }, (_, i) => {
        const d = Math.floor(i / (rows * columns)), row = Math.floor(i / columns) % rows, at = perRow ? d * rows + row : d
        return ((v[(d * columns + (i % columns)) * rows + row] as number) - (zero[at] as number)) * (by[at] as number)
      }))
    }
    const inputs = [port('x', ['time', 'n', FEATURES]), port('h', [count, 'n', HIDDEN])], outputs = ['y', 'last']
    const quantised = modelOf({
      inputs, outputs, initializers: [initializer('w', weight), initializer('r', recurrent), initializer('b', bias), ...Object.entries(parts).map(([name, t]) => initializer(name, t))],
      nodes: [microsoft('DynamicQuantizeLSTM', ['x', 'w', 'r', 'b', '', 'h', '', '', 'weightScale', 'weightZero', 'recurrentScale', 'recurrentZero'], outputs, attributes)],
    })
    const plain = importOnnxSync(modelOf({
      inputs, outputs, initializers: [initializer('w', real(weight, parts.weightScale, parts.weightZero)), initializer('r', real(recurrent, parts.recurrentScale, parts.recurrentZero)), initializer('b', bias)],
      nodes: [node('LSTM', ['x', 'w', 'r', 'b', '', 'h'], outputs, attributes)],
    }))
    const set = (time: number, n: number) => ({ x: random(time, n, FEATURES), h: random(count, n, HIDDEN) })
    await expectEverywhere(quantised, [set(4, 2), set(1, 3), set(7, 1)], (feeds) => { const { y, last } = interpret(plain, feeds) as Record<'y' | 'last', HostTensor>; return { y: numbersOf({ y }, 'y'), last: numbersOf({ last }, 'last') } })
  })

  it('refuses scales for another number of directions', async () => {
    const bytes = modelOf({
      inputs: [port('x', ['time', 'n', FEATURES])], initializers: [initializer('w', weight), initializer('r', recurrent), initializer('s', random(count + 1))],
      nodes: [microsoft('DynamicQuantizeLSTM', ['x', 'w', 'r', '', '', '', '', '', 's', '', 's'], ['y'], attributes)],
    })
    expect(await errorOf(() => importOnnxSync(bytes))).toMatchObject({ code: 'shape-mismatch' })
  })
})
