package import RewardModel
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A request whose shape is right: version, verb, counts and frames. Its items are not looked into yet.
package struct RequestMessage: Sendable {
    /// The client's own name for the request.
    package var id: [UInt8]
    package var action: Action
    /// Nil: none.
    package var timeout: Duration?
    /// How often its sender wants to hear that it is still open. Nil: never.
    package var progress: Duration?

    /// Shorter wishes for progress are taken for this.
    private static let shortestProgressMs: UInt32 = 100

    package enum Action: Sendable {
        case predict([RequestItem])
        case info
        case health
        /// The id of the request to drop.
        case cancel([UInt8])
    }

    /// Why a message is no request, and whose it was.
    package struct Refusal: Error, Sendable, Equatable {
        /// Empty when the message does not tell.
        package var id: [UInt8]
        package var failure: Failure
    }

    /// Reads a message without its delimiter.
    ///
    /// - Parameters:
    ///   - frames: The header and what follows it.
    ///   - discardedFrames: Frames that were received after these and thrown away.
    ///   - discardedBytes: Their size.
    package init(
        frames: [[UInt8]], discardedFrames: Int = 0, discardedBytes: Int = 0, limits: MessageLimits
    ) throws(Refusal) {
        guard let header = frames.first else { throw Refusal(id: [], failure: Failure(.invalidRequest, "no header")) }
        let scan = HeaderScan(request: header, limit: limits.maxHeaderBytes)
        let name = scan.requestID.map { Array(header[$0]) } ?? []
        do throws(Failure) {
            id = name.count <= limits.maxRequestIDBytes ? name : []
            try Self.check(frames, (discardedFrames, discardedBytes), scan, name, limits)
            let request: WireRequest
            do {
                var options = BinaryDecodingOptions()
                options.discardUnknownFields = true
                request = try WireRequest(serializedBytes: header, options: options)
            } catch { throw Failure(.invalidRequest, "the header is not a Request: \(error)") }
            timeout = request.timeoutMs == 0 ? nil : .milliseconds(Int64(request.timeoutMs))
            progress =
                request.progressMs == 0 ? nil : .milliseconds(Int64(max(request.progressMs, Self.shortestProgressMs)))
            action = try Self.action(request, frames)
        } catch {
            throw Refusal(id: name.count <= limits.maxRequestIDBytes ? name : [], failure: error)
        }
    }

    private static func check(
        _ frames: [[UInt8]], _ discarded: (frames: Int, bytes: Int), _ scan: HeaderScan, _ id: [UInt8],
        _ limits: MessageLimits
    ) throws(Failure) {
        let headerBytes = frames[0].count
        guard headerBytes <= limits.maxHeaderBytes else {
            throw Failure(.tooLarge, "the header has \(headerBytes) bytes; the limit is \(limits.maxHeaderBytes)")
        }
        if let version = scan.version, !ProtocolVersion.spoken.contains(where: { $0 == version }) {
            throw Failure(
                .unsupportedVersion, "protocol version \(version) is not spoken here, only \(ProtocolVersion.spoken)")
        }
        guard id.count <= limits.maxRequestIDBytes else {
            throw Failure(.tooLarge, "the request id has \(id.count) bytes; the limit is \(limits.maxRequestIDBytes)")
        }
        let count = frames.count + discarded.frames
        guard count <= limits.maxFrames else {
            throw Failure(.tooLarge, "the message has \(count) frames; the limit is \(limits.maxFrames)")
        }
        let bytes = frames.reduce(discarded.bytes) { $0 + $1.count }
        guard bytes <= limits.maxMessageBytes else {
            throw Failure(.tooLarge, "the message has \(bytes) bytes; the limit is \(limits.maxMessageBytes)")
        }
        guard scan.isWellFormed else { throw Failure(.invalidRequest, "the header is not a protobuf message") }
        guard scan.version != nil else {
            throw Failure(.unsupportedVersion, "the header has no protocol version")
        }
        guard scan.items <= limits.maxItems else {
            throw Failure(.tooLarge, "the request has \(scan.items) items; the limit is \(limits.maxItems)")
        }
        guard scan.heatmapTerms <= limits.maxHeatmapTerms else {
            throw Failure(
                .tooLarge, "an objective has \(scan.heatmapTerms) heatmap terms; the limit is \(limits.maxHeatmapTerms)"
            )
        }
    }

    private static func action(_ request: WireRequest, _ frames: [[UInt8]]) throws(Failure) -> Action {
        let verb: String
        switch request.verb {
        case .score, .gradient:
            guard request.cancelRequestID.isEmpty else {
                throw Failure(.invalidRequest, "cancel_request_id belongs to CANCEL")
            }
            return .predict(try RequestItem.all(of: request, frames))
        case .info: verb = "INFO"
        case .health: verb = "HEALTH"
        case .cancel: verb = "CANCEL"
        case .unspecified, .UNRECOGNIZED: throw Failure(.unknownVerb, "there is no verb \(request.verb.rawValue)")
        }
        guard request.items.isEmpty, frames.count == 1 else {
            throw Failure(.invalidRequest, "\(verb) takes neither items nor frames")
        }
        switch request.verb {
        case .info: return .info
        case .health: return .health
        default: return .cancel(Array(request.cancelRequestID))
        }
    }
}
