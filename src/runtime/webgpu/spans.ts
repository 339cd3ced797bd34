/** What a step's bindings span: each one buffer, or several from the first to the last. */
import type { Step, WgslCode } from '../format.js'
import type { BufferPlace } from '../layout.js'

/** Bytes of the arena or of the constants section, and the buffers of the step that lie in them. */
export interface Span { readonly constant: boolean; lo: number; hi: number; readonly buffers: number[] }

/** The spans of a step in the order of its bindings; none for a part on the host. */
export function spansOf({ buffers }: Step, given: unknown, placeOf: (buffer: number) => Pick<BufferPlace, 'constant' | 'offset' | 'bytes'>): readonly Span[] {
  const code = given as WgslCode, spans: Span[] = []
  if (code.kind === 'shader') buffers.forEach((buffer, k) => {
    const { constant, offset, bytes } = placeOf(buffer)
    const span = (spans[code.slots?.[k] ?? k] ??= { constant, lo: offset, hi: 0, buffers: [] })
    span.lo = Math.min(span.lo, offset)
    // A binding is never empty.
    span.hi = Math.max(span.hi, offset + Math.max(4, bytes))
    span.buffers.push(buffer)
  })
  return spans
}
