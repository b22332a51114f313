import Glibc

/// Makes an empty folder that only this user can enter.
///
/// - Parameters:
///   - name: the beginning of its name.
///   - parent: where to make it. The default is what `TMPDIR` names, and `/tmp` where that is unset or empty.
///   - longest: bytes that the path may have; a longer one is made in `/tmp`. A socket's address holds only 107.
/// - Returns: its path.
/// - Throws: `Failure` with `fileError`, naming the parent.
package func makeTemporaryFolder(
    _ name: String, in parent: String = getenv("TMPDIR").map { String(cString: $0) } ?? "", longest: Int = .max
) throws(Failure) -> String {
    let ending = "/\(name).XXXXXX"
    let fits = !parent.isEmpty && parent.utf8.count + ending.utf8.count <= longest
    let base = fits ? parent : "/tmp"
    var template = Array("\(base)\(ending)".utf8CString)
    guard mkdtemp(&template) != nil else { throw Failure(.fileError, "\(base): \(String(cString: strerror(errno)))") }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
