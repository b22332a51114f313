// swift-format-ignore-file: AlwaysUseLowerCamelCase
public import CRAHF
import RewardModel

// The one place where failures become the header's numbers.

extension FailureCode {
    /// The number in the header and in the network protocol.
    var status: rahf_status {
        let number =
            switch self {
            case .invalidRequest: RAHF_STATUS_INVALID_REQUEST
            case .unsupportedVersion: RAHF_STATUS_UNSUPPORTED_VERSION
            case .unknownVerb: RAHF_STATUS_UNKNOWN_VERB
            case .tooLarge: RAHF_STATUS_TOO_LARGE
            case .invalidImage: RAHF_STATUS_INVALID_IMAGE
            case .unsupportedImage: RAHF_STATUS_UNSUPPORTED_IMAGE
            case .invalidPixels: RAHF_STATUS_INVALID_PIXELS
            case .invalidPrompt: RAHF_STATUS_INVALID_PROMPT
            case .promptTooLong: RAHF_STATUS_PROMPT_TOO_LONG
            case .overloaded: RAHF_STATUS_OVERLOADED
            case .deadlineExceeded: RAHF_STATUS_DEADLINE_EXCEEDED
            case .cancelled: RAHF_STATUS_CANCELLED
            case .draining: RAHF_STATUS_DRAINING
            case .invalidModel: RAHF_STATUS_INVALID_MODEL
            case .nonFiniteResult: RAHF_STATUS_NON_FINITE_RESULT
            case .fileError: RAHF_STATUS_FILE_ERROR
            case .internalError: RAHF_STATUS_INTERNAL
            case .duplicateRequest: RAHF_STATUS_DUPLICATE_REQUEST
            case .unavailable: RAHF_STATUS_UNAVAILABLE
            case .permissionDenied: RAHF_STATUS_PERMISSION_DENIED
            }
        return rahf_status(number)
    }
}

@c @implementation
public func rahf_status_name(_ status: rahf_status) -> UnsafePointer<CChar>! {
    let name: StaticString =
        switch Int(status) {
        case RAHF_STATUS_OK: "OK"
        case RAHF_STATUS_INVALID_REQUEST: "INVALID_REQUEST"
        case RAHF_STATUS_UNSUPPORTED_VERSION: "UNSUPPORTED_VERSION"
        case RAHF_STATUS_UNKNOWN_VERB: "UNKNOWN_VERB"
        case RAHF_STATUS_TOO_LARGE: "TOO_LARGE"
        case RAHF_STATUS_INVALID_IMAGE: "INVALID_IMAGE"
        case RAHF_STATUS_UNSUPPORTED_IMAGE: "UNSUPPORTED_IMAGE"
        case RAHF_STATUS_INVALID_PIXELS: "INVALID_PIXELS"
        case RAHF_STATUS_INVALID_PROMPT: "INVALID_PROMPT"
        case RAHF_STATUS_PROMPT_TOO_LONG: "PROMPT_TOO_LONG"
        case RAHF_STATUS_OVERLOADED: "OVERLOADED"
        case RAHF_STATUS_DEADLINE_EXCEEDED: "DEADLINE_EXCEEDED"
        case RAHF_STATUS_CANCELLED: "CANCELLED"
        case RAHF_STATUS_DRAINING: "DRAINING"
        case RAHF_STATUS_INVALID_MODEL: "INVALID_MODEL"
        case RAHF_STATUS_NON_FINITE_RESULT: "NON_FINITE_RESULT"
        case RAHF_STATUS_FILE_ERROR: "FILE_ERROR"
        case RAHF_STATUS_INTERNAL: "INTERNAL"
        case RAHF_STATUS_DUPLICATE_REQUEST: "DUPLICATE_REQUEST"
        case RAHF_STATUS_UNAVAILABLE: "UNAVAILABLE"
        case RAHF_STATUS_PERMISSION_DENIED: "PERMISSION_DENIED"
        default: "UNKNOWN"
        }
    return StaticText.pointer(name)
}

@c @implementation
public func rahf_status_is_retryable(_ status: rahf_status) -> Int32 {
    FailureCode.allCases.contains { $0.status == status && $0.isRetryable } ? 1 : 0
}

@c @implementation
public func rahf_abi_version() -> UInt32 {
    UInt32(RAHF_ABI_VERSION)
}

private let versionText = Text(rahfVersion)

@c @implementation
public func rahf_version_string() -> UnsafePointer<CChar>! {
    versionText.pointer
}

@c @implementation
public func rahf_last_error() -> UnsafePointer<CChar>! {
    LastError.current
}
