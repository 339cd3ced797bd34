/** ONNX attributes to be written. Floats are float32 in ONNX, so they are rounded to it. */
import type { HostTensor } from '../../base/dtype.js'
import type { DraftMessage } from '../onnx/schema.js'
import { tensorDraft } from './tensor-draft.js'

/** An attribute's value; its name is the key it stands under. */
export type AttributeDraft = Omit<DraftMessage<'AttributeProto'>, 'name'>
/** Attributes by name. */
export type AttributeDrafts = Readonly<Record<string, AttributeDraft>>

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** An integer. */
export const int = (i: number): AttributeDraft => ({ type: 2, i: BigInt(i) })
/** A truth value, which ONNX has as 0 or 1. */
export const bool = (b: boolean): AttributeDraft => int(b ? 1 : 0)
/** Integers. */
export const ints = (list: readonly number[]): AttributeDraft => ({ type: 7, ints: list.map(BigInt) })
/** A float, rounded to float32. */
export const float = (f: number): AttributeDraft => ({ type: 1, f })
/** Floats, rounded to float32. */
export const floats = (list: readonly number[]): AttributeDraft => ({ type: 6, floats: list })
/** A string. */
export const text = (s: string): AttributeDraft => ({ type: 3, s: bytes(s) })
/** Strings. */
export const texts = (list: readonly string[]): AttributeDraft => ({ type: 8, strings: list.map(bytes) })
/** A tensor. */
export const tensor = (t: HostTensor): AttributeDraft => ({ type: 4, t: tensorDraft(t) })
