/// A word of a prompt and what is true of it.
package struct PromptTruth: Sendable, Equatable {
    package var prompt: String
    /// The words that the picture contradicts, in the prompt's order; indices as `PromptText` splits.
    package var contradicted: [ContradictedWord]
    /// Facts that the prompt states about the picture, and how many of them are false.
    package var facts: Int
    package var falseFacts: Int

    package init(prompt: String, contradicted: [ContradictedWord], facts: Int, falseFacts: Int) {
        self.prompt = prompt
        self.contradicted = contradicted
        self.facts = facts
        self.falseFacts = falseFacts
    }
}

package struct ContradictedWord: Sendable, Equatable, Codable {
    package var index: Int
    package var word: String
    package var category: WordCategory
}

/// Puts a claim into words, in many ways, and says which words the picture contradicts.
package enum PromptWriter {
    private static let numbers = ["zero", "one", "two", "three", "four", "five"]
    private static let openings = [
        "a picture of", "a drawing of", "an image of", "an illustration of", "a picture with", "a simple drawing of",
    ]
    static let wordLimit = 20

    /// Groups of `claim` past those of `scene` are not in the picture at all.
    package static func write(_ claim: SceneSpec, about scene: SceneSpec, _ random: inout WorldRandom) -> PromptTruth {
        for attempt in 0..<6 {
            var writer = Writer(terse: attempt >= 4)
            writer.write(claim, scene, &random)
            if writer.words.count <= wordLimit { return writer.truth }
        }
        var writer = Writer(terse: true)
        var short = claim
        short.namesGround = false
        writer.write(short, scene, &random)
        precondition(writer.words.count <= wordLimit, "the shortest wording of three groups has 19 words")
        return writer.truth
    }

    private struct Writer {
        let terse: Bool
        var words: [String] = []
        /// A comma follows this word.
        var commas: Set<Int> = []
        var contradicted: [ContradictedWord] = []
        var facts = 0
        var falseFacts = 0

        init(terse: Bool) {
            self.terse = terse
        }

        var truth: PromptTruth {
            let prompt = words.enumerated().map { commas.contains($0) ? "\($1)," : $1 }.joined(separator: " ")
            return PromptTruth(prompt: prompt, contradicted: contradicted, facts: facts, falseFacts: falseFacts)
        }

        mutating func add(_ text: String) {
            words += text.split(separator: " ").map(String.init)
        }

        /// Words that state one fact; those in `wrong` contradict the picture.
        mutating func state(_ text: String, _ category: WordCategory, wrong: (String) -> Bool) {
            facts += 1
            var anyWrong = false
            for word in text.split(separator: " ").map(String.init) {
                if wrong(word) {
                    contradicted.append(ContradictedWord(index: words.count, word: word, category: category))
                    anyWrong = true
                }
                words.append(word)
            }
            if anyWrong { falseFacts += 1 }
        }

        mutating func write(_ claim: SceneSpec, _ scene: SceneSpec, _ random: inout WorldRandom) {
            if !terse, random.chance(0.35) { add(random.pick(PromptWriter.openings)) }
            let style = Style(&random, terse: terse)
            for (index, group) in claim.groups.enumerated() {
                if index > 0 { join(index, of: claim, scene, style, &random) }
                write(group, scene.groups.count > index ? scene.groups[index] : nil, style, &random)
            }
            if claim.namesGround { write(claim.ground, &random) }
        }

        private mutating func join(
            _ index: Int, of claim: SceneSpec, _ scene: SceneSpec, _ style: Style, _ random: inout WorldRandom
        ) {
            if index == 1, let relation = claim.relation {
                let wrong = scene.relation != relation
                let text: String
                let key: String
                switch relation {
                case .above: (text, key) = ("above", "above")
                case .below: (text, key) = random.chance(0.5) ? ("below", "below") : ("under", "under")
                case .leftOf: (text, key) = random.chance(0.5) ? ("left of", "left") : ("to the left of", "left")
                case .rightOf: (text, key) = random.chance(0.5) ? ("right of", "right") : ("to the right of", "right")
                }
                state(text, .position) { $0 == key && wrong }
            } else if claim.groups.count == 3, index == 1 || style.commas {
                commas.insert(words.count - 1)
            } else {
                add(style.joint)
            }
        }

        private mutating func write(
            _ group: ObjectGroup, _ truth: ObjectGroup?, _ style: Style, _ random: inout WorldRandom
        ) {
            var adjectives: [(String, WordCategory, Bool)] = [
                (group.colour.rawValue, .colour, truth?.colour != group.colour)
            ]
            if group.pattern != .plain {
                let pattern = (group.pattern.rawValue, WordCategory.texture, truth?.pattern != group.pattern)
                adjectives.insert(pattern, at: style.patternFirst ? 0 : 1)
            }
            let wrongCount = truth?.count != group.count
            if group.count == 1, !wrongCount, !style.saysOne {
                add("aeiou".contains(adjectives[0].0.prefix(1)) ? "an" : "a")
                facts += 1
            } else {
                state(style.digits ? "\(group.count)" : PromptWriter.numbers[group.count], .number) { _ in wrongCount }
            }
            for (word, category, wrong) in adjectives { state(word, category) { _ in wrong } }
            let wrongShape = truth?.shape != group.shape
            state(group.count == 1 ? group.shape.rawValue : group.shape.plural, .shape) { _ in wrongShape }
            guard let place = group.place else { return }
            let names = Set(place.rawValue.split(separator: " ").map(String.init))
            let trueNames = Set(truth?.place?.rawValue.split(separator: " ").map(String.init) ?? [])
            state(wording(place, &random), .position) { names.contains($0) && !trueNames.contains($0) }
        }

        private func wording(_ place: Place, _ random: inout WorldRandom) -> String {
            let name = place.rawValue
            switch place {
            case .left, .right:
                return terse ? "at \(name)" : random.pick(["at \(name)", "on the \(name)", "on the \(name) side"])
            case .top, .bottom:
                return terse ? "at \(name)" : random.pick(["at \(name)", "at the \(name)", "near the \(name)"])
            case .centre:
                return terse ? "in centre" : random.pick(["in the centre", "at the centre", "in centre"])
            default:
                return terse ? "at \(name)" : random.pick(["at \(name)", "in the \(name)", "in the \(name) corner"])
            }
        }

        private mutating func write(_ ground: Ground, _ random: inout WorldRandom) {
            let noun = terse ? "ground" : random.pick(["background", "ground"])
            switch ground {
            case .plain(let name):
                let article = "aeiou".contains(name.rawValue.prefix(1)) ? "an" : "a"
                add(random.chance(0.5) ? "on \(article) \(name.rawValue) \(noun)" : "on \(name.rawValue)")
            case .gradient(let first, let second):
                add("on a \(noun) from \(first.rawValue) to \(second.rawValue)")
            case .cloudy(let name): add("on a cloudy \(name.rawValue) \(noun)")
            case .photograph(let name): add(random.pick(["over a photo of \(name)", "on a photograph of \(name)"]))
            }
        }
    }

    /// Choices that hold for a whole prompt.
    private struct Style {
        let digits: Bool
        let saysOne: Bool
        let patternFirst: Bool
        let commas: Bool
        let joint: String

        init(_ random: inout WorldRandom, terse: Bool) {
            digits = random.chance(0.1)
            saysOne = digits || random.chance(0.4)
            patternFirst = random.chance(0.6)
            commas = random.chance(0.25)
            joint = terse ? "and" : random.pick(["and", "and", "and", "with", "next to"])
        }
    }
}
