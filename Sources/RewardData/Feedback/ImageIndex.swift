import Glibc
import RewardModel

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
            for name in try namesIn(folder) {
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

/// The names in a folder of a data set, sorted by their bytes.
package func namesIn(_ folder: String) throws(FeedbackDataError) -> [String] {
    do { return try Folders.names(folder) } catch {
        throw FeedbackDataError(file: folder, .unreadable(systemMessage()))
    }
}
