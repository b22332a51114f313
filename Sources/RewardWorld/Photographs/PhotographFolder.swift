import FoundationEssentials
import Glibc
import RewardImage
import RewardModel

/// Reads photographs and what is written about them.
package enum PhotographFolder {
    /// The file with a `Caption` a line. A photograph without one is called by its file's name.
    package static let captionFile = "captions.jsonl"

    /// Every PNG, JPEG and WebP file of the folders, by name.
    static func load(_ folders: [String]) throws(Failure) -> [Photograph] {
        var photographs: [Photograph] = []
        for folder in folders {
            let names = try list(folder)
            let captions = try names.contains(captionFile) ? captions("\(folder)/\(captionFile)") : [:]
            let before = photographs.count
            for name in names where isPicture(name) {
                let path = "\(folder)/\(name)"
                let bytes = try read(path)
                let image: Image
                do throws(ImageError) { image = try ImageDecoder.decode(bytes).image } catch {
                    throw Failure(.invalidImage, "\(path): \(error)")
                }
                guard min(image.width, image.height) >= smallestSide else {
                    throw Failure(
                        .invalidImage, "\(path) is \(image.width)×\(image.height); it must be \(smallestSide) at least")
                }
                photographs.append(
                    Photograph(name: stem(name), caption: captions[name] ?? plain(name), image: image))
            }
            guard photographs.count > before else {
                throw Failure(.fileError, "\(folder) holds no photographs (.png, .jpg, .jpeg, .webp)")
            }
        }
        return photographs
    }

    static let smallestSide = 64

    private static func captions(_ path: String) throws(Failure) -> [String: Caption] {
        var found: [String: Caption] = [:]
        for (line, bytes) in try read(path).split(separator: 0x0a).enumerated() {
            let caption: Caption
            do { caption = try JSONDecoder().decode(Caption.self, from: Data(bytes)) } catch {
                throw Failure(.fileError, "\(path), line \(line + 1): \(error)")
            }
            if let fault = fault(caption) { throw Failure(.fileError, "\(path), line \(line + 1): \(fault)") }
            found[caption.file] = caption
        }
        return found
    }

    /// What is wrong with a caption, or nil.
    package static func fault(_ caption: Caption) -> String? {
        let words = caption.caption.split(separator: " ").map { CaptionWriter.bare(String($0)) }
        guard (3...PromptWriter.wordLimit).contains(words.count) else {
            return "the caption has \(words.count) words, not 3 to \(PromptWriter.wordLimit)"
        }
        guard let parsed = try? PromptText.parse(caption.caption), parsed.words.map(\.text) == words else {
            return "the caption's words are not those that its labels would be for"
        }
        guard (1...12).contains(caption.short.split(separator: " ").count) else {
            return "the short name must have 1 to 12 words"
        }
        for swap in caption.swaps {
            guard words.filter({ $0 == swap.word }).count == 1 else {
                return "the word '\(swap.word)' is not in the caption exactly once"
            }
            guard !swap.instead.isEmpty, swap.instead.allSatisfy({ !$0.isEmpty && CaptionWriter.bare($0) == $0 }),
                !swap.instead.contains(where: { $0.contains(" ") || $0 == swap.word })
            else { return "'\(swap.word)' needs other single words to stand instead of it" }
        }
        return nil
    }

    private static func plain(_ name: String) -> Caption {
        let words = stem(name).split { !$0.isLetter && !$0.isNumber }.prefix(8).joined(separator: " ")
        let short = words.isEmpty ? "something" : words.lowercased()
        return Caption(file: name, caption: "a photograph of \(short)", short: short, swaps: [])
    }

    private static func isPicture(_ name: String) -> Bool {
        [".png", ".jpg", ".jpeg", ".webp"].contains { name.lowercased().hasSuffix($0) }
    }

    private static func stem(_ name: String) -> String {
        name.lastIndex(of: ".").map { String(name[..<$0]) } ?? name
    }

    private static func list(_ folder: String) throws(Failure) -> [String] {
        do { return try FileManager.default.contentsOfDirectory(atPath: folder).sorted() } catch {
            throw Failure(.fileError, "\(folder): cannot be listed")
        }
    }

    private static func read(_ path: String) throws(Failure) -> [UInt8] {
        do { return [UInt8](try Data(contentsOf: URL(filePath: path))) } catch {
            throw Failure(.fileError, "\(path): cannot be read")
        }
    }
}
