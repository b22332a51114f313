package import RewardImage
import RewardModel

/// The protocol versions this code speaks.
package enum ProtocolVersion {
    package static let current: UInt32 = 1
    package static let spoken: [UInt32] = [current]
}

/// Names in `Info.features`.
package enum ProtocolFeature {
    /// `Request.progress_ms`.
    package static let progress = "progress"
    /// `Item.group_id`.
    package static let groups = "groups"
}

/// What one message may hold, checked before anything of that size is taken or decoded.
package struct MessageLimits: Sendable, Equatable {
    /// All frames of a message together. The default is 256 MiB.
    package var maxMessageBytes = 256 << 20
    /// Frames of a message, the header included. The default is 1024.
    package var maxFrames = 1024
    /// The header frame. The default is 4 MiB.
    package var maxHeaderBytes = 4 << 20
    /// Items of a request. The default is 256.
    package var maxItems = 256
    /// The default is 64.
    package var maxRequestIDBytes = 64
    /// Sizes of images and masks. The default is `ImageLimits.default`.
    package var image = ImageLimits.default
    /// Heatmap terms of one item's objective. The default is 16.
    package var maxHeatmapTerms = 16
    /// Words and bytes of a prompt are the model's reader's own limits.
    package var maxPromptBytes: Int { PromptText.maximumBytes }
    package var maxPromptWords: Int { PromptText.maximumWords }

    package init() {}
}
