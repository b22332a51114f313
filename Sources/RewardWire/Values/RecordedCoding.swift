import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension WireRecorded {
    /// - Parameters:
    ///   - request: Frames as they came, the header first.
    ///   - reply: Frames as they were sent, the header first.
    package init(receivedMicroseconds: UInt64, request: [[UInt8]], reply: [[UInt8]], user: String?) {
        self.init()
        receivedUnixUs = receivedMicroseconds
        self.request = request.map { Data($0) }
        self.reply = reply.map { Data($0) }
        clientKey = user ?? ""
    }

    package var requestFrames: [[UInt8]] { request.map { Array($0) } }
    package var replyFrames: [[UInt8]] { reply.map { Array($0) } }

    /// Nil where it is none.
    package var requestHeader: WireRequest? { request.first.flatMap { try? WireRequest(serializedBytes: $0) } }
    package var replyHeader: WireReply? { reply.first.flatMap { try? WireReply(serializedBytes: $0) } }

    /// Nil for bytes that are no record.
    package init?(recorded bytes: [UInt8]) {
        guard let read = try? WireRecorded(serializedBytes: bytes) else { return nil }
        self = read
    }
}
