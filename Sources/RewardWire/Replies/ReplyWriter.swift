package import RewardModel
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Writes replies of one server: each names the model, the library and the protocol version.
package struct ReplyWriter: Sendable {
    private let template: WireReply
    private let info: WireInfo

    package init(model: ModelInfo, limits: MessageLimits, queue: QueueLimits) {
        template = .with {
            $0.protocolVersion = ProtocolVersion.current
            $0.libraryVersion = rahfVersion
            $0.model = .with {
                $0.name = model.name
                $0.digest = model.digest
                $0.preprocessing = model.preprocessing
                $0.preprocessingDigest = model.preprocessingDigest
                $0.trained = model.config.trained
            }
        }
        info = .with {
            $0.protocolVersions = ProtocolVersion.spoken
            $0.features = [ProtocolFeature.progress, ProtocolFeature.groups]
            $0.limits = WireLimits(limits, queue, maxTokens: model.config.text.maxTokens)
            $0.variant = model.config.variant.rawValue
            $0.parameterCount = UInt64(model.parameterCount)
            $0.inputWidth = UInt32(clamping: model.config.image.size)
            $0.inputHeight = UInt32(clamping: model.config.image.size)
            $0.heatmapWidth = UInt32(clamping: model.heatmapSize)
            $0.heatmapHeight = UInt32(clamping: model.heatmapSize)
            // A configuration that was read from JSON can be written as JSON.
            $0.configJson = Data((try? model.config.encoded()) ?? [])
        }
    }

    /// The queue's and the connections' part of the limits.
    package struct QueueLimits: Sendable, Equatable {
        package var maxBatch: Int
        package var maxQueuedItems: Int
        package var maxQueuedBytes: Int
        package var maxClients: Int
        package var maxUnreadBytes: Int
        package var maxWrongPerSecond: Int
        package var maxPartialBytes: Int

        package init(
            maxBatch: Int, maxQueuedItems: Int, maxQueuedBytes: Int, maxClients: Int, maxUnreadBytes: Int,
            maxWrongPerSecond: Int, maxPartialBytes: Int
        ) {
            self.maxBatch = maxBatch
            self.maxQueuedItems = maxQueuedItems
            self.maxQueuedBytes = maxQueuedBytes
            self.maxClients = maxClients
            self.maxUnreadBytes = maxUnreadBytes
            self.maxWrongPerSecond = maxWrongPerSecond
            self.maxPartialBytes = maxPartialBytes
        }
    }

    package func refusal(_ id: [UInt8], _ failure: Failure, retryAfter: Duration? = nil) -> [[UInt8]] {
        frames(id) { $0.status = WireStatus(failure, retryAfter: retryAfter) }
    }

    /// Says that a request is still open.
    package func progress(_ id: [UInt8]) -> [[UInt8]] { frames(id) { $0.status = .with { $0.code = .inProgress } } }

    package func answers(_ id: [UInt8], _ items: [ItemAnswer], timings: WireTimings) -> [[UInt8]] {
        var payload: [[UInt8]] = []
        var messages: [WireItemReply] = []
        for item in items {
            messages.append(item.placed(at: payload.count + 1))
            payload += item.frames
        }
        return frames(id, payload) {
            $0.items = messages
            $0.timings = timings
        }
    }

    package func info(_ id: [UInt8]) -> [[UInt8]] { frames(id) { $0.info = info } }
    package func health(_ id: [UInt8], _ health: WireHealth) -> [[UInt8]] { frames(id) { $0.health = health } }

    package func cancelled(_ id: [UInt8], found: Bool, items: Int) -> [[UInt8]] {
        frames(id) {
            $0.cancel = .with {
                $0.found = found
                $0.cancelledItems = UInt32(clamping: items)
            }
        }
    }

    private func frames(
        _ id: [UInt8], _ payload: [[UInt8]] = [], _ fill: (inout WireReply) -> Void
    ) -> [[UInt8]] {
        var reply = template
        reply.requestID = Data(id)
        reply.status = .ok
        fill(&reply)
        return [reply.wireBytes] + payload
    }
}

extension Message {
    /// Serialized. Proto3 messages without required fields or extensions always can be, within 2 GiB.
    package var wireBytes: [UInt8] {
        do { return try serializedBytes() } catch { preconditionFailure("a header cannot be written: \(error)") }
    }
}
