import Glibc

/// Images of one or more folders by file stem, found once. Folders inside them are not entered.
public struct ImageIndex: Sendable {
    private let folders: [String]
    private var paths: [String: [String]] = [:]

    private static let extensions: Set<String> = ["png", "jpg", "jpeg", "webp"]

    /// Lists the folders. Files are told by their extension: png, jpg, jpeg or webp, in any case.
    ///
    /// - Throws: `unreadable` with the folder that cannot be listed.
    public init(folders: [String]) throws(FeedbackDataError) {
        self.folders = folders
        for folder in folders {
            guard let handle = opendir(folder) else {
                throw FeedbackDataError(file: folder, .unreadable(systemMessage()))
            }
            defer { closedir(handle) }
            while let entry = readdir(handle) {
                let name = withUnsafeBytes(of: &entry.pointee.d_name) { raw in
                    String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
                }
                guard let dot = name.lastIndex(of: "."),
                    Self.extensions.contains(name[name.index(after: dot)...].lowercased())
                else { continue }
                paths[imageStem(name), default: []].append("\(folder)/\(name)")
            }
        }
    }

    /// Images found.
    public var count: Int { paths.values.map(\.count).reduce(0, +) }

    /// The one image with a stem.
    ///
    /// - Throws: `missingImage`, or `ambiguousImage` with all that have the stem.
    public func path(of stem: String) throws(FeedbackDataError) -> String {
        let place = folders.joined(separator: ", ")
        guard let found = paths[stem] else { throw FeedbackDataError(file: place, .missingImage(stem: stem)) }
        guard found.count == 1 else {
            throw FeedbackDataError(file: place, .ambiguousImage(stem: stem, paths: found.sorted()))
        }
        return found[0]
    }
}
