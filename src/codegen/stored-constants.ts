/** Constants as they are written into a program: in their memory order, packed in panels where a kernel wants them so. */
import { allocate, elementCount, type HostTensor } from '../base/dtype.js'
import { invariant } from '../base/error.js'
import type { Value } from '../ir/graph.js'
import { elementsInOrder, physicalShape } from '../ir/layout.js'
import type { Packing } from './schedule/prepare.js'

/** Shape and elements (row-major over that shape) of a constant as it is stored. */
export interface StoredConstant { readonly shape: readonly number[]; readonly elements: HostTensor['data'] }

/** `value`, a constant, as it is stored for kernels that read it as `packing` says. */
export function storedConstant(value: Value, packing: Packing | undefined): StoredConstant {
  invariant(value.data !== undefined, `%${value.name} has no data`)
  const elements = elementsInOrder(value.data, value.order)
  return packing === undefined ? { shape: physicalShape(value) as readonly number[], elements } : packed({ ...value.data, data: elements }, packing)
}

/** The shape of a constant in panels: [blocks, panels, rows, factor]; without blocks, where it is one. */
export function packedShape(count: number, { columns, factor, rows = columns === 0 ? 0 : count / columns }: Packing): readonly number[] {
  const panels = [Math.ceil(columns / factor), rows, factor], blocks = columns === 0 || rows === 0 ? 1 : count / columns / rows
  return blocks === 1 ? panels : [blocks, ...panels]
}

function packed({ dtype, shape, data }: HostTensor, packing: Packing): StoredConstant {
  const { columns, factor } = packing, stored = packedShape(elementCount(shape), packing), [panels, rows] = stored.slice(-3) as [number, number]
  const out = allocate(dtype, elementCount(stored)) as Float32Array, whole = Math.floor(columns / factor) * factor
  const blocks = stored.length === 4 ? (stored[0] as number) : 1
  for (let block = 0; block < blocks; block++) {
    for (let r = 0; r < rows; r++) {
      const from = (block * rows + r) * columns, to = (block * panels * rows + r) * factor
      for (let c = 0, at = to; c < columns; c += factor, at += rows * factor) {
        const width = c < whole ? factor : columns - whole
        for (let k = 0; k < width; k++) out[at + k] = data[from + c + k] as number
      }
    }
  }
  return { shape: stored, elements: out }
}
