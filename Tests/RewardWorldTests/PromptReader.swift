import RewardWorld

/// Reads a scene's prompt back, written apart from the writer: which groups with what, where, and in what relation.
struct PromptReader {
    struct Group: Equatable {
        var count = 0
        var colour: String?
        var pattern: String?
        var shape: String?
        var place: Set<String> = []
    }

    var groups: [Group] = []
    var relation: String?

    private static let numbers = [
        "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "1": 1, "2": 2, "3": 3, "4": 4, "5": 5,
    ]
    private static let places: Set<String> = ["left", "right", "top", "bottom", "centre"]
    private static let nouns: Set<String> = ["picture", "drawing", "image", "illustration", "background", "ground"]

    init(_ prompt: String) {
        let words = prompt.split { $0 == " " || $0 == "," }.map(String.init)
        var current = Group()
        for (index, word) in words.enumerated() {
            let next = index + 1 < words.count ? words[index + 1] : ""
            if word == "on" || word == "over", Self.startsGround(words[(index + 1)...]) { break }
            if let number = Self.numbers[word], !Self.nouns.contains(next), next != "simple" {
                current = Group(count: number)
            } else if ColourName(rawValue: word) != nil {
                current.colour = word
            } else if ["striped", "dotted", "checked"].contains(word) {
                current.pattern = word
            } else if let shape = Self.shape(word) {
                current.shape = shape
                groups.append(current)
            } else if ["above", "below", "under"].contains(word) {
                relation = word == "under" ? "below" : word
            } else if Self.places.contains(word), next == "of" {
                relation = word + "Of"
            } else if Self.places.contains(word), !groups.isEmpty {
                groups[groups.count - 1].place.insert(word)
            }
        }
    }

    private static func startsGround(_ rest: ArraySlice<String>) -> Bool {
        let words = rest.filter { $0 != "a" && $0 != "an" }
        guard let first = words.first else { return false }
        return ColourName(rawValue: first) != nil || ["photo", "photograph", "cloudy"].contains(first)
            || nouns.contains(first)
    }

    private static func shape(_ word: String) -> String? {
        ShapeKind.allCases.map(\.rawValue).first { word == $0 || word == $0 + "s" || word == $0 + "es" }
    }

    /// What a spec comes to in the same terms.
    static func terms(_ spec: SceneSpec) -> [Group] {
        spec.groups.map { group in
            Group(
                count: group.count, colour: group.colour.rawValue,
                pattern: group.pattern == .plain ? nil : group.pattern.rawValue, shape: group.shape.rawValue,
                place: Set((group.place?.rawValue ?? "").split(separator: " ").map(String.init)))
        }
    }
}
