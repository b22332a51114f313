import CRAHF
import RewardModel

/// What a C program holds a pointer to. One class, so that a pointer to another kind of handle is found out.
///
/// This file is the one place where C's pointers become objects and objects become C's pointers.
class Handle {
    /// The name of the type in the header.
    class var typeName: String { "handle" }

    /// A pointer that owns this object until `release`.
    final func retained() -> OpaquePointer {
        OpaquePointer(Unmanaged<Handle>.passRetained(self).toOpaque())
    }

    /// Gives up what `retained` gave. NULL is ignored.
    static func release(_ pointer: OpaquePointer?) {
        guard let pointer else { return }
        Unmanaged<Handle>.fromOpaque(UnsafeRawPointer(pointer)).release()
    }

    /// The object behind a pointer; nil for NULL or for another kind of handle.
    static func find(_ pointer: OpaquePointer?) -> Self? {
        guard let pointer else { return nil }
        return Unmanaged<Handle>.fromOpaque(UnsafeRawPointer(pointer)).takeUnretainedValue() as? Self
    }

    /// The object behind a pointer.
    ///
    /// - Throws: `invalidRequest` for NULL or for another kind of handle.
    static func get(_ pointer: OpaquePointer?) throws(Failure) -> Self {
        guard pointer != nil else { throw Failure(.invalidRequest, "the \(typeName) is NULL") }
        guard let found = find(pointer) else { throw Failure(.invalidRequest, "the handle is no \(typeName)") }
        return found
    }
}

/// Runs the body of a function with a status: what it throws is remembered for `rahf_last_error`.
func attempt(_ body: () throws(Failure) -> Void) -> rahf_status {
    do throws(Failure) {
        try body()
        return rahf_status(RAHF_STATUS_OK)
    } catch {
        LastError.set(error.message)
        return error.code.status
    }
}

/// The same for functions that give a new handle.
func attempt(
    giving out: UnsafeMutablePointer<OpaquePointer?>?, _ name: String, _ body: () throws(Failure) -> Handle
) -> rahf_status {
    out?.pointee = nil
    return attempt { () throws(Failure) in
        guard let out else { throw Failure(.invalidRequest, "the pointer for the new \(name) is NULL") }
        out.pointee = try body().retained()
    }
}
