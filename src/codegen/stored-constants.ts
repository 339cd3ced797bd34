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

/** The shape of a constant in panels: [panels, rows, factor]. */
export function packedShape(count: number, { columns, factor }: Packing): readonly [number, number, number] {
  return [Math.ceil(columns / factor), columns === 0 ? 0 : count / columns, factor]
}

function packed({ dtype, shape, data }: HostTensor, packing: Packing): StoredConstant {
  const { columns, factor } = packing, [panels, rows] = packedShape(elementCount(shape), packing)
  const out = allocate(dtype, panels * rows * factor) as Float32Array
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) out[(Math.floor(c / factor) * rows + r) * factor + (c % factor)] = data[r * columns + c] as number
  }
  return { shape: [panels, rows, factor], elements: out }
}
