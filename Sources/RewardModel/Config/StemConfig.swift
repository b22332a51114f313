/// A light convolutional stem in place of the ViT's patch embedding.
///
/// Each layer is a 3×3 convolution of stride 2 with one row and column of zeros on every side (`Conv2d(…, 3, stride=2,
/// padding=1)`: output o reads inputs 2o - 1 to 2o + 1), then a norm over channels or none, then the activation. There are as
/// many as halve the patch's side to 1: four for 16-pixel patches. The last one's positions are the image tokens.
public struct StemConfig: Codable, Sendable, Equatable {
    /// Output channels of the layers. The last is the ViT's hidden size.
    public var channels: [Int]
    public var norm: ChannelNorm
    public var normEps: Float
    public var activation: Activation
    /// Joins three channels `highPass * (x - m)` to RGB, m the mean of the 3×3 neighbourhood. Both are of normalised
    /// pixels (`(x - mean) / std`), and m is over the neighbours inside the image, so that a flat image gives zeros up
    /// to its border. Nil means RGB alone.
    public var highPass: Float?
    /// After each layer's activation, so many blocks `relu(x + conv(relu(conv x)))` of 3×3 convolutions of stride 1, zeros
    /// around the map. Nil means none. A fresh block's second convolution is zero: it passes its input through.
    public var residualBlocks: [Int]?

    public enum Activation: String, Codable, Sendable {
        case relu
        /// `x Φ(x)`, exact.
        case gelu
    }

    public init(
        channels: [Int], norm: ChannelNorm = .layer, normEps: Float = 1e-6, activation: Activation = .relu,
        highPass: Float? = nil, residualBlocks: [Int]? = nil
    ) {
        self.channels = channels
        self.norm = norm
        self.normEps = normEps
        self.activation = activation
        self.highPass = highPass
        self.residualBlocks = residualBlocks
    }

    /// Residual blocks after a layer.
    func blocks(after layer: Int) -> Int { residualBlocks.map { layer < $0.count ? $0[layer] : 0 } ?? 0 }

    /// Channels of the first layer's input.
    var inputChannels: Int { highPass == nil ? 3 : 6 }
}
