import Glibc

/// What the system's last call said of a file or folder.
package func systemFailure(_ path: String) -> Failure {
    Failure(.fileError, "\(path): \(String(cString: strerror(errno)))")
}
