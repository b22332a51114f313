package import RewardModel
import SwiftProtobuf

// The one place where failures become wire codes and wire codes become failures.

extension WireStatusCode {
    package init(_ code: FailureCode) {
        switch code {
        case .invalidRequest: self = .invalidRequest
        case .unsupportedVersion: self = .unsupportedVersion
        case .unknownVerb: self = .unknownVerb
        case .tooLarge: self = .tooLarge
        case .invalidImage: self = .invalidImage
        case .unsupportedImage: self = .unsupportedImage
        case .invalidPixels: self = .invalidPixels
        case .invalidPrompt: self = .invalidPrompt
        case .promptTooLong: self = .promptTooLong
        case .overloaded: self = .overloaded
        case .deadlineExceeded: self = .deadlineExceeded
        case .cancelled: self = .cancelled
        case .draining: self = .draining
        case .invalidModel: self = .invalidModel
        case .nonFiniteResult: self = .nonFiniteResult
        case .fileError: self = .fileError
        case .internalError: self = .internal
        case .duplicateRequest: self = .duplicateRequest
        case .unavailable: self = .unavailable
        case .permissionDenied: self = .permissionDenied
        }
    }

    /// The failure with this number. Nil for OK, and for numbers of later versions.
    package var failureCode: FailureCode? {
        FailureCode.allCases.first { WireStatusCode($0) == self }
    }
}

extension WireStatus {
    package static let ok = WireStatus.with { $0.code = .ok }

    /// - Parameter retryAfter: told when known; rounded up to whole milliseconds.
    package init(_ failure: Failure, retryAfter: Duration? = nil) {
        self.init()
        code = WireStatusCode(failure.code)
        message = failure.message
        retryable = failure.code.isRetryable
        if let retryAfter { retryAfterMs = retryAfter.wireMilliseconds }
        if failure.code == .unsupportedVersion { supportedVersions = ProtocolVersion.spoken }
    }

    /// The failure this status tells of. Nil when it is OK.
    ///
    /// A number this side does not know becomes `internalError` when it is retryable and `invalidRequest` when not.
    package var failure: Failure? {
        if code == .ok { return nil }
        if let known = code.failureCode { return Failure(known, message) }
        return Failure(retryable ? .internalError : .invalidRequest, "status \(code.rawValue): \(message)")
    }

    package var retryAfter: Duration? { hasRetryAfterMs ? .milliseconds(Int64(retryAfterMs)) : nil }
}

extension Duration {
    /// Whole milliseconds, rounded up, in what the wire holds.
    package var wireMilliseconds: UInt32 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        guard seconds < Int64(UInt32.max) / 1000 else { return .max }
        return UInt32(seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
