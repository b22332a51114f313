import RewardImage
import RewardModel
import RewardWire

/// Messages as a stranger sends them.
enum WireInputs {
    private static let limits: MessageLimits = {
        var limits = MessageLimits()
        limits.image = ImageLimits(maxSide: 1000, maxPixels: 100_000)
        limits.maxMessageBytes = 1 << 20
        limits.maxItems = 64
        return limits
    }()

    /// Frames, each behind its length in two bytes, the low one first; the last one takes what is left.
    static func message(_ bytes: UnsafeRawBufferPointer) {
        var frames: [[UInt8]] = []
        var rest = bytes[...]
        while rest.count >= 2, frames.count < 2000 {
            let length = Int(rest[rest.startIndex]) | Int(rest[rest.startIndex + 1]) << 8
            rest = rest.dropFirst(2)
            frames.append(Array(rest.prefix(length)))
            rest = rest.dropFirst(length)
        }
        read(frames)
    }

    static func header(_ bytes: UnsafeRawBufferPointer) {
        read([Array(bytes), [UInt8](repeating: 7, count: 12), [UInt8](repeating: 0, count: 16)])
    }

    private static func read(_ frames: [[UInt8]]) {
        do throws(RequestMessage.Refusal) {
            let message = try RequestMessage(frames: frames, limits: limits)
            require(message.id.count <= limits.maxRequestIDBytes, "ids are bounded")
            guard case .predict(let items) = message.action else { return reply(frames) }
            require(!items.isEmpty && items.count <= limits.maxItems, "items are bounded")
            for item in items {
                if let decoded = try? item.decode(limits: limits) {
                    let (width, height) = (decoded.image.width, decoded.image.height)
                    require(width <= 1000 && height <= 1000 && width * height <= 100_000, "pixels are bounded")
                    require(decoded.prompt.utf8.count <= limits.maxPromptBytes, "prompts are bounded")
                }
            }
        } catch {
            require(!error.failure.message.isEmpty, "a refusal says why")
        }
        reply(frames)
    }

    private static func reply(_ frames: [[UInt8]]) {
        guard let reply = try? ReplyMessage(frames: frames) else { return }
        guard let results = try? reply.predictions(count: reply.header.items.count) else { return }
        for case .success(let prediction) in results {
            for kind in ScoreKind.allCases {
                require((0...1).contains(prediction.scores?[kind] ?? 0), "scores lie in [0, 1]")
            }
            require(prediction.gradient?.values.allSatisfy(\.isFinite) ?? true, "gradients are finite")
        }
    }
}
