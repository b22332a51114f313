/// Why one item could not be served. The one list that wire codes, exit codes and JSON codes are made from.
public struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
    public var code: FailureCode
    /// One sentence for people that names the cause.
    public var message: String

    public init(_ code: FailureCode, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { "\(code.rawValue): \(message)" }
}

/// The kinds of failure. Raw values are the names in JSON; the wire's numbers are in `Protocols/`.
public enum FailureCode: String, CaseIterable, Sendable {
    /// The request breaks the protocol: frames, fields or arguments.
    case invalidRequest = "invalid_request"
    /// The request speaks a protocol version this side does not.
    case unsupportedVersion = "unsupported_version"
    case unknownVerb = "unknown_verb"
    /// A message, item count or image is over the stated limits.
    case tooLarge = "too_large"
    /// The bytes are not an image that can be decoded.
    case invalidImage = "invalid_image"
    /// The image format is known but not accepted.
    case unsupportedImage = "unsupported_image"
    /// A pixel is NaN or infinite.
    case invalidPixels = "invalid_pixels"
    /// The prompt is empty, has no words, or is not UTF-8.
    case invalidPrompt = "invalid_prompt"
    case promptTooLong = "prompt_too_long"
    /// The queue is full. Try again after the stated delay.
    case overloaded
    case deadlineExceeded = "deadline_exceeded"
    case cancelled
    /// The server is shutting down. Try another one, or again later.
    case draining
    /// The model folder is missing, malformed or contradicts itself.
    case invalidModel = "invalid_model"
    /// The model produced a number that is not finite.
    case nonFiniteResult = "non_finite_result"
    /// A file could not be read or written.
    case fileError = "file_error"
    case internalError = "internal"
    /// A request of this connection with the same id has not been answered yet.
    case duplicateRequest = "duplicate_request"
    /// No server answered.
    case unavailable
    /// The server does not let this client in: its key is missing, unknown or revoked, or either side's encryption is
    /// not the other's.
    case permissionDenied = "permission_denied"

    /// True when the same request may succeed later.
    public var isRetryable: Bool {
        switch self {
        case .overloaded, .draining, .internalError, .unavailable: true
        default: false
        }
    }
}
