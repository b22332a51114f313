package import RewardData
package import RewardImage
package import RewardModel

/// A finished picture and everything known and said about it.
package struct WorldPicture: Sendable {
    package var name: String
    package var image: Image
    package var annotated: AnnotatedImage
    package var truth: PictureTruth
    package var mask: Heatmap?
    package var misalignmentMask: Heatmap?
}

/// Makes the pictures of a data set, each from its number alone.
package struct WorldBuilder: Sendable {
    package let options: WorldOptions
    let photographs: [Photograph]

    package init(options: WorldOptions, photographFolders: [String]) throws(Failure) {
        self.options = options
        photographs = try PhotographFolder.load(photographFolders)
        guard !photographs.isEmpty || options.scenes >= 1 else {
            throw Failure(.invalidRequest, "views of photographs need folders of photographs")
        }
    }

    /// How often damage is tried that turns out too faint.
    private static let attempts = 24

    /// The picture, or its clean and its damaged copy. A pair whose damage shows too little stays clean alone.
    package func pictures(_ index: Int) -> [WorldPicture] {
        var plan = random(index, .plan)
        // Shares hold along the numbers too, not only on average: scenes are spread evenly.
        let isScene = photographs.isEmpty || Self.spread(index, options.scenes)
        let contradict = plan.chance(options.contradicted)
        let damage = plan.chance(isScene ? options.damagedScenes : options.damagedPhotographs)
        let subject = isScene ? scene(index, contradict, &plan) : view(index, contradict, &plan)
        var finishing = random(index, .finish)
        let finish = Finish(keepsColours: isScene, &finishing)
        let clean = finish.apply(to: subject.canvas)
        var annotators = random(index, .annotators)
        let name = (isScene ? "s" : "p") + String(repeating: "0", count: max(6 - "\(index)".count, 0)) + "\(index)"
        var result = [
            picture(name, "clean", subject, clean, finish, damage: nil, &annotators)
        ]
        if damage, let found = damaged(index, subject.canvas, clean, finish, &plan) {
            result.append(picture(name, "damaged", subject, found.finished, finish, damage: found, &annotators))
        }
        return result
    }

    private func random(_ index: Int, _ purpose: WorldRandom.Purpose) -> WorldRandom {
        WorldRandom(seed: options.seed, index: index, purpose: purpose)
    }

    /// True for the share of numbers asked for, evenly spread.
    static func spread(_ index: Int, _ share: Float) -> Bool {
        let share = Double(share)
        return (Double(index + 1) * share).rounded(.down) > (Double(index) * share).rounded(.down)
    }

    private struct Subject {
        var source: String
        var canvas: Canvas
        var prompt: PromptTruth
        var misaligned: [Float]?
    }

    private func scene(_ index: Int, _ contradict: Bool, _ plan: inout WorldRandom) -> Subject {
        let photograph = !photographs.isEmpty && plan.chance(0.3) ? plan.pick(photographs) : nil
        var planning = random(index, .scene)
        let scene = ScenePlanner.scene(photograph: photograph?.caption.short, &planning)
        let claim = contradict ? ScenePlanner.contradicting(scene, &planning) : scene
        var drawing = random(index, .drawing)
        let ground = photograph.map { $0.picture($0.view(size: options.size, &drawing), size: options.size) }
        let drawn = SceneArtist.draw(scene, size: options.size, photograph: ground, &drawing)
        var wording = random(index, .prompt)
        let prompt = PromptWriter.write(claim, about: scene, &wording)
        let wrong = ScenePlanner.wrongGroups(claim, scene)
        return Subject(
            source: "scene", canvas: drawn.canvas, prompt: prompt,
            misaligned: wrong.isEmpty ? nil : drawn.coverage(ofGroups: wrong))
    }

    private func view(_ index: Int, _ contradict: Bool, _ plan: inout WorldRandom) -> Subject {
        let photograph = plan.pick(photographs)
        var drawing = random(index, .drawing)
        let view = photograph.view(size: options.size, &drawing)
        var wording = random(index, .prompt)
        let (prompt, misaligned) = CaptionWriter.write(
            photograph, view, size: options.size, contradict: contradict, &wording)
        return Subject(
            source: "photograph:\(photograph.name)", canvas: photograph.picture(view, size: options.size),
            prompt: prompt, misaligned: misaligned)
    }

    private struct Found {
        var finished: Canvas
        var records: [PictureTruth.Damage]
        var mask: [Float]
        var change: TrueScores.Change
        /// How strongly each damaged pixel strikes the eye.
        var strikes: [Float]
    }

    private func damaged(
        _ index: Int, _ canvas: Canvas, _ clean: Canvas, _ finish: Finish, _ plan: inout WorldRandom
    ) -> Found? {
        var random = random(index, .damage)
        let size = options.size
        // Turn by turn, so that every kind is as frequent as any other.
        let first = options.kinds[index % options.kinds.count]
        for _ in 0..<Self.attempts {
            var current = canvas
            var mask = [Float](repeating: 0, count: size * size)
            var records: [PictureTruth.Damage] = []
            let places = random.chance(options.secondPlace) ? 2 : 1
            for place in 0..<places {
                let kind = place == 0 ? first : random.pick(options.kinds)
                let site = DamageMask(size: size, &random)
                var damager = Damager(
                    clean: current, mask: site, donor: donor(kind, &random), random: random.fork())
                current = damager.apply(kind)
                for row in 0..<site.box.height {
                    for column in 0..<site.box.width {
                        let target = (site.box.y + row) * size + site.box.x + column
                        mask[target] = max(mask[target], site.value(column, row))
                    }
                }
                records.append(
                    PictureTruth.Damage(
                        kind: kind, outline: site.outline.rawValue, x: site.x, y: site.y, radius: site.radius,
                        parameters: damager.parameters, visibleShare: 0, meanChange: 0))
            }
            let finished = finish.apply(to: current)
            let (change, strikes) = Self.change(clean, finished, mask)
            guard change.isVisible else { continue }
            for place in records.indices {
                records[place].visibleShare = change.visibleShare
                records[place].meanChange = change.meanChange
            }
            return Found(finished: finished, records: records, mask: mask, change: change, strikes: strikes)
        }
        return nil
    }

    /// Another picture to take a patch from.
    private func donor(_ kind: DamageKind, _ random: inout WorldRandom) -> Canvas {
        guard kind == .foreignPatch else { return Canvas(width: 1, height: 1) }
        if photographs.isEmpty || random.chance(0.25) {
            let scene = ScenePlanner.scene(photograph: nil, &random)
            return SceneArtist.draw(scene, size: options.size, photograph: nil, &random).canvas
        }
        let photograph = random.pick(photographs)
        return photograph.picture(photograph.view(size: options.size, &random), size: options.size)
    }

    private static func change(
        _ clean: Canvas, _ damaged: Canvas, _ mask: [Float]
    ) -> (TrueScores.Change, strikes: [Float]) {
        var (inside, visible, sum) = (0, 0, Float(0))
        var strikes = [Float](repeating: 0, count: mask.count)
        for index in mask.indices where mask[index] > 0 {
            let one = Canvas.Pixel(repeating: 1)
            let gap =
                damaged.pixels[index].clamped(lowerBound: .zero, upperBound: one)
                - clean.pixels[index].clamped(lowerBound: .zero, upperBound: one)
            let size = gap.replacing(with: -gap, where: gap .< 0)
            let largest = max(size.x, size.y, size.z) * 255
            // A place in the damage that happens to look right is marked now and then, for the sake of the rest.
            strikes[index] = mask[index] * (0.3 + 0.7 * min(largest / 40, 1))
            if mask[index] >= 0.5 {
                inside += 1
                if largest > TrueScores.visibleLevels { visible += 1 }
                sum += size.level * 255
            }
        }
        return (
            TrueScores.Change(
                area: Float(inside) / Float(mask.count), visibleShare: Float(visible) / Float(max(inside, 1)),
                meanChange: sum / Float(max(inside, 1))), strikes
        )
    }

    private func picture(
        _ name: String, _ state: String, _ subject: Subject, _ finished: Canvas, _ finish: Finish, damage: Found?,
        _ annotators: inout WorldRandom
    ) -> WorldPicture {
        let size = options.size
        let scores = TrueScores.scores(damage?.change, subject.prompt, .init(finished, finish))
        let wordCount = subject.prompt.prompt.split(separator: " ").count
        let annotations = SimulatedAnnotators.annotate(
            .init(
                size: size, scores: scores, implausible: damage?.strikes, misaligned: subject.misaligned,
                wordCount: wordCount, contradicted: Set(subject.prompt.contradicted.map(\.index))), &annotators)
        let stem = "\(name)-\(state)"
        let filename = "images/\(stem).png"
        var applied: [String: Float] = [
            "gamma": finish.gamma, "contrast": finish.contrast, "saturation": finish.saturation, "blur": finish.blur,
            "noise": finish.noise,
        ]
        if let quality = finish.quality { applied["jpeg_quality"] = Float(quality) }
        return WorldPicture(
            name: stem, image: finished.image,
            annotated: AnnotatedImage(
                filename: filename, prompt: subject.prompt.prompt, width: size, height: size, group: name,
                annotations: annotations),
            truth: PictureTruth(
                filename: filename, group: name, source: subject.source, state: state, prompt: subject.prompt.prompt,
                damage: damage?.records ?? [], mask: damage.map { _ in "masks/\(stem).png" },
                misalignmentMask: subject.misaligned.map { _ in "masks/\(stem)-misalignment.png" },
                contradicted: subject.prompt.contradicted,
                scores: Dictionary(
                    uniqueKeysWithValues: ScoreKind.allCases.map { ($0.rawValue, scores[$0]) }),
                finish: applied),
            mask: damage.map { Heatmap(width: size, height: size, values: $0.mask) },
            misalignmentMask: subject.misaligned.map { Heatmap(width: size, height: size, values: $0) })
    }
}
