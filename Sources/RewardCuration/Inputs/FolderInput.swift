import RewardModel

/// A folder for each prompt: the prompt is in `prompt.txt` there, or else is the folder's name. Images are the files
/// ending in png, jpg, jpeg or webp; the folder is the group.
struct FolderInput {
    var path: String

    /// Writes the list, folders and images in the order of their names' bytes.
    ///
    /// - Returns: what was passed over.
    func writeList(to list: String) throws(Failure) -> [String] {
        let writer = try FileWriter(path: list)
        var (ignored, empty, count) = (0, 0, 0)
        for folder in try Folders.names(path) {
            let inner = Folders.join(path, folder)
            guard Folders.kind(inner) == .folder else {
                if CandidateInput.isImage(folder) {
                    throw Failure(.invalidRequest, "\(inner): an image outside of a prompt's folder")
                }
                ignored += 1
                continue
            }
            var images: [String] = []
            var prompt = folder
            for name in try Folders.names(inner) {
                if name == "prompt.txt" {
                    prompt = try Self.prompt("\(inner)/\(name)")
                } else if CandidateInput.isImage(name) {
                    images.append("\(folder)/\(name)")
                } else {
                    ignored += 1
                }
            }
            if images.isEmpty { empty += 1 }
            for image in images {
                try writer.append(CandidateLine(prompt: prompt, image: image, group: folder).json)
                count += 1
            }
        }
        try writer.flush()
        guard count > 0 else { throw Failure(.invalidRequest, "\(path): no folder in it has an image") }
        var notes: [String] = []
        if ignored > 0 { notes.append("\(ignored) files and folders are neither images nor prompt.txt") }
        if empty > 0 { notes.append("\(empty) folders have no image") }
        return notes
    }

    private static func prompt(_ path: String) throws(Failure) -> String {
        let file = try SystemFile(path: path)
        let bytes = try file.bytes(at: 0, count: min(try file.size(), 1 << 20))
        guard var text = String(validating: bytes, as: UTF8.self) else {
            throw Failure(.invalidPrompt, "\(path) is not UTF-8")
        }
        while let last = text.last, last.isNewline { text.removeLast() }
        return text
    }
}
