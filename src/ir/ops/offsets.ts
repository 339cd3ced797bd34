/** Index lists: how references walk tensors. A list holds, for each element of a result in row-major order, where it comes from. */

/** Row-major strides of a concrete shape, in elements. */
export function rowMajorStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length)
  let stride = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride
    stride *= shape[i] as number
  }
  return strides
}

/** What one axis adds to an offset: `at(i) * stride` for `i` from 0 to `count`; with `at` absent, `i * stride`. */
export function axisOffsets(count: number, stride: number, at?: (i: number) => number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => (at === undefined ? i : at(i)) * stride)
}

/** All sums of one entry from each axis, in row-major order: the offsets of a box. `[0]` without axes. */
export function boxOffsets(axes: readonly Int32Array[]): Int32Array {
  let offsets = new Int32Array(1)
  for (const axis of axes) {
    const next = new Int32Array(offsets.length * axis.length)
    let k = 0
    for (let i = 0; i < offsets.length; i++) {
      const base = offsets[i] as number
      for (let j = 0; j < axis.length; j++) next[k++] = base + (axis[j] as number)
    }
    offsets = next
  }
  return offsets
}

/** Offsets of the elements of a tensor of `shape` as it is read for a result of shape `to`; undefined where that is 0, 1, 2… */
export function broadcastOffsets(shape: readonly number[], to: readonly number[]): Int32Array | undefined {
  if (shape.length === to.length && shape.every((d, i) => d === to[i])) return undefined
  const strides = rowMajorStrides(shape)
  const missing = to.length - shape.length
  return boxOffsets(to.map((count, i) => {
    const own = i - missing
    return axisOffsets(count, own < 0 || shape[own] === 1 ? 0 : (strides[own] as number))
  }))
}

/** Offsets of a shape's elements walked only over the axes that `keep` says. */
export function offsetsOver(shape: readonly number[], keep: (axis: number) => boolean): Int32Array {
  const strides = rowMajorStrides(shape)
  const lists: Int32Array[] = []
  shape.forEach((d, i) => { if (keep(i)) lists.push(axisOffsets(d, strides[i] as number)) })
  return boxOffsets(lists)
}
