/** Every rule of ai.onnx.ml: what scikit-learn, LightGBM and XGBoost are exported to. */
import type { RuleTable } from '../../call.js'
import { ENCODERS } from './encoders.js'
import { FEATURES } from './features.js'
import { LINEAR } from './linear.js'
import { SUPPORT_VECTORS } from './support-vectors.js'
import { TREE_ENSEMBLES } from './tree-ensembles.js'

/** Rules of ai.onnx.ml. */
export const MACHINE_LEARNING: RuleTable = { ...TREE_ENSEMBLES, ...LINEAR, ...SUPPORT_VECTORS, ...FEATURES, ...ENCODERS }
