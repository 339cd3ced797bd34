/** Every export rule by op name. A new op is one line in a family's table. */
import type { RuleTable } from '../node-export.js'
import { CONTRACTIONS } from './contractions.js'
import { ELEMENTWISE } from './elementwise.js'
import { MOVEMENT } from './movement.js'
import { RECURRENT } from './recurrent.js'
import { REDUCTIONS } from './reductions.js'
import { REGIONS } from './regions.js'
import { RESIZE } from './resize.js'
import { TREES } from './trees.js'

/** The rules. */
export const EXPORT_RULES: RuleTable = { ...ELEMENTWISE, ...MOVEMENT, ...REDUCTIONS, ...CONTRACTIONS, ...RESIZE, ...REGIONS, ...RECURRENT, ...TREES }
