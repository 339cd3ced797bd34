/** Every rule by domain and ONNX op name. A new op is one line in a family's table. */
import type { RuleTable } from '../call.js'
import { ATTENTION } from './attention.js'
import { CACHES, MICROSOFT_CACHES } from './caches.js'
import { CONSTANTS } from './constants.js'
import { CONTRACTIONS, MICROSOFT_CONTRACTIONS } from './contractions.js'
import { CONTROL_FLOW } from './control-flow.js'
import { DEFORMABLE } from './deformable.js'
import { EINSUM } from './einsum.js'
import { ELEMENTWISE, MICROSOFT_ELEMENTWISE } from './elementwise.js'
import { FLEX_ATTENTION } from './flex-attention.js'
import { INDEXING, MICROSOFT_INDEXING } from './indexing.js'
import { MICROSOFT_NORMALIZATION, NORMALIZATION } from './normalization.js'
import { GROUP_NORMS } from './microsoft/group-norms.js'
import { GROUP_QUERY_ATTENTION } from './microsoft/group-query-attention.js'
import { MICROSOFT_LAYERS } from './microsoft/layers.js'
import { MULTI_HEAD_ATTENTION } from './microsoft/multi-head-attention.js'
import { QUANTIZED_INTEGERS } from './microsoft/quantized-integers.js'
import { QUANTIZED_LAYERS } from './microsoft/quantized-layers.js'
import { QUANTIZED_PRODUCTS } from './microsoft/quantized-products.js'
import { QUANTIZED_RECURRENT } from './microsoft/quantized-recurrent.js'
import { LINEAR_ATTENTION, MICROSOFT_LINEAR_ATTENTION } from './linear-attention.js'
import { LOSSES } from './losses.js'
import { MEL } from './mel.js'
import { MACHINE_LEARNING } from './ml/index.js'
import { POOLS } from './pools.js'
import { MICROSOFT_QUANTIZATION, QUANTIZATION } from './quantization.js'
import { RECURRENT } from './recurrent.js'
import { REDUCTIONS } from './reductions.js'
import { RANDOM } from './random.js'
import { REGIONS } from './regions.js'
import { RESIZE } from './resize.js'
import { MICROSOFT_ROTARY, ROTARY } from './rotary.js'
import { GRIDS, MICROSOFT_GRIDS } from './grids.js'
import { SELECTIONS } from './selections.js'
import { SEQUENCES } from './sequences.js'
import { SHAPES } from './shapes.js'
import { SIGNAL } from './signal.js'
import { SLICES } from './slices.js'
import { MICROSOFT_SPECTRA, SPECTRA } from './spectra.js'
import { UNFOLDED } from './unfolded.js'

/** Rule tables by domain; the default domain is ''. */
export const RULES: ReadonlyMap<string, RuleTable> = new Map<string, RuleTable>([
  ['', {
    ...ELEMENTWISE, ...REDUCTIONS, ...NORMALIZATION, ...CONTRACTIONS, ...POOLS, ...SHAPES, ...SLICES, ...INDEXING, ...SELECTIONS, ...CONSTANTS, ...CONTROL_FLOW, ...RESIZE, ...RECURRENT, ...EINSUM, ...LOSSES, ...QUANTIZATION, ...ATTENTION, ...ROTARY, ...GRIDS, ...REGIONS, ...RANDOM, ...SIGNAL, ...SPECTRA, ...MEL, ...UNFOLDED, ...DEFORMABLE, ...CACHES, ...LINEAR_ATTENTION, ...SEQUENCES,
  }],
  ['ai.onnx.preview', FLEX_ATTENTION],
  ['ai.onnx.ml', MACHINE_LEARNING],
  ['com.microsoft', { ...MICROSOFT_ELEMENTWISE, ...MICROSOFT_NORMALIZATION, ...MICROSOFT_CONTRACTIONS, ...MICROSOFT_ROTARY, ...MULTI_HEAD_ATTENTION, ...GROUP_QUERY_ATTENTION, ...MICROSOFT_QUANTIZATION, ...QUANTIZED_PRODUCTS, ...QUANTIZED_INTEGERS, ...QUANTIZED_LAYERS, ...QUANTIZED_RECURRENT, ...MICROSOFT_LAYERS, ...GROUP_NORMS, ...MICROSOFT_GRIDS, ...MICROSOFT_INDEXING, ...MICROSOFT_CACHES, ...MICROSOFT_LINEAR_ATTENTION, ...MICROSOFT_SPECTRA }],
])
