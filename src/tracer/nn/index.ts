/** Layers of neural networks, as `nn`. */
export { buffer, Module, parameter, type LoadStateOptions, type LoadStateReport, type StateDict } from './module.js'
export { ModuleList, Sequential, type Layer } from './containers.js'
export { Embedding, Linear } from './linear.js'
export { Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d } from './convolution.js'
export { BatchNorm1d, BatchNorm2d, GroupNorm, LayerNorm, RMSNorm, type BatchNormLayerOptions } from './normalization.js'
export { MultiheadAttention, type AttendOptions, type MultiheadAttentionOptions } from './attention.js'
export { GRU, LSTM, type RecurrentOptions } from './recurrent.js'
export {
  AdaptiveAvgPool2d, AvgPool2d, Dropout, ELU, Flatten, GELU, Hardsigmoid, Hardswish, Hardtanh, Identity, LeakyReLU, LogSoftmax, MaxPool1d, MaxPool2d, Mish, ReLU, ReLU6, SELU, Sigmoid, SiLU,
  Softmax, Softplus, Softsign, Tanh,
} from './activations.js'
