/** Every rule of ai.onnx.ml: what scikit-learn, LightGBM and XGBoost are exported to. */
import type { RuleTable } from '../../call.js'
import { TREE_ENSEMBLES } from './tree-ensembles.js'

/** Rules of ai.onnx.ml. */
export const MACHINE_LEARNING: RuleTable = { ...TREE_ENSEMBLES }
