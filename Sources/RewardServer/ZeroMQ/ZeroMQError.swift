import CZeroMQ

/// A failed libzmq call.
package struct ZeroMQError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The function that failed, with what it was applied to.
    package let operation: String
    /// The number libzmq left, one of errno's or of libzmq's own.
    package let number: Int32

    package init(operation: String, number: Int32) {
        self.operation = operation
        self.number = number
    }

    /// The error of the libzmq call this thread made last.
    static func last(_ operation: String) -> ZeroMQError {
        ZeroMQError(operation: operation, number: zmq_errno())
    }

    package var description: String {
        "\(operation): \(String(cString: zmq_strerror(number))) (\(number))"
    }
}
