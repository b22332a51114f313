import RewardModel

/// A caller's memory, checked as far as it can be.
enum Memory {
    /// Bytes at a pointer.
    ///
    /// - Throws: `invalidRequest` for NULL or no bytes, `tooLarge` above the limit; negative sizes are a C program's
    ///   sizes above all memory.
    static func buffer(
        _ pointer: UnsafeRawPointer?, _ size: Int, _ name: String, limit: Int
    ) throws(Failure) -> UnsafeRawBufferPointer {
        guard let pointer else { throw Failure(.invalidRequest, "\(name) is NULL") }
        guard size != 0 else { throw Failure(.invalidRequest, "\(name) has no bytes") }
        guard size > 0, size <= limit else {
            throw Failure(.tooLarge, "\(name) has \(UInt(bitPattern: size)) bytes; the limit is \(limit)")
        }
        return UnsafeRawBufferPointer(start: pointer, count: size)
    }

    static func copy(
        _ pointer: UnsafeRawPointer?, _ size: Int, _ name: String, limit: Int
    ) throws(Failure) -> [UInt8] {
        Array(try buffer(pointer, size, name, limit: limit))
    }
}
