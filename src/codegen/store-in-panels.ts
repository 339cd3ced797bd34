/**
 * A result stored as the kernel that reads it wants it packed: in panels of columns, see `Packing`. The axis along which results
 * lie side by side is cut into panels, and loops go through memory as it then lies.
 *
 *   axes c, m: y[p, c, m] = …   ⇒   axes m_p, c, m_i: y[p, m_p, c, m_i] = … with m = 8 m_p + m_i
 */
import { dimsEqual, type Dim } from '../ir/dims.js'
import type { Axis, Compute } from '../ir/kernel/compute.js'
import { prepareCompute, type Packing } from './schedule/prepare.js'

/** `compute`, whose result is row-major, with that in panels; undefined where its columns do not fill them, or are not stored one by one along an axis. */
export function storeInPanels(compute: Compute, { columns, factor, rows }: Packing): Compute | undefined {
  const [out, ...others] = compute.buffers.filter((b) => b.role === 'out'), axis = compute.axes.at(-1)
  if (out === undefined || others.length > 0 || columns % factor !== 0 || axis?.hi !== columns || axis.lo !== undefined) return undefined
  const rank = out.shape.length, height = out.shape[rank - 2]
  if (height === undefined || out.shape[rank - 1] !== columns || (rows === undefined ? rank > 2 : !dimsEqual(height, rows))) return undefined
  if (!compute.stages.every((s) => s.kind !== 'store' || (s.axes.length === 0 && s.index.at(-1) === axis.name && s.lets.every((l) => l.kind !== 'data-index')))) return undefined
  const panel = `${axis.name}_p`, inner = `${axis.name}_i`, row = compute.axes.at(-2)
  const { compute: cut } = prepareCompute(compute, [{ kind: 'tile', axis: axis.name, factor, outer: panel, inner }])
  const outer = cut.axes.filter((a): a is Axis => a.name !== inner && a.name !== panel), panels = cut.axes.filter((a) => a.name === panel), last = cut.axes.filter((a) => a.name === inner)
  // The axis of rows stays inside a panel, which is then one run of memory.
  const axes = [...outer.filter((a) => a.name !== row?.name), ...panels, ...outer.filter((a) => a.name === row?.name), ...last]
  return {
    ...cut, axes,
    buffers: cut.buffers.map((b) => (b.name === out.name ? { ...b, shape: [...out.shape.slice(0, rank - 2), columns / factor, height, factor] } : b)),
    stages: cut.stages.map((s) => (s.kind === 'store' ? { ...s, index: [...s.index.slice(0, rank - 2), panel, s.index[rank - 2] as Dim, inner] } : s)),
  }
}
