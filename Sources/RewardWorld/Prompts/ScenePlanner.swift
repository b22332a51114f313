/// Makes up scenes, and prompts' claims that contradict them.
package enum ScenePlanner {
    static let maximumCount = 5

    /// A scene of one to three groups that differ in shape or colour.
    package static func scene(photograph: String?, _ random: inout WorldRandom) -> SceneSpec {
        let ground = ground(photograph, &random)
        let groupCount = random.pick([1, 1, 2, 2, 2, 2, 3])
        let colours = random.shuffled(ColourName.allCases.filter { stands($0, on: ground) })
        let shapes = random.shuffled(ShapeKind.allCases)
        var groups: [ObjectGroup] = []
        for index in 0..<groupCount {
            let most = groupCount == 1 ? maximumCount : groupCount == 2 ? 4 : 3
            // Three groups in corners and a pattern each would pass the twenty words of a prompt.
            let pattern: Pattern =
                groupCount < 3 && random.chance(0.25) ? random.pick([.striped, .dotted, .checked]) : .plain
            groups.append(
                ObjectGroup(
                    count: random.integer(1...most), colour: colours[index % colours.count],
                    // Now and then the groups share a shape or a colour, so that neither alone tells them apart.
                    shape: index > 0 && random.chance(0.15) ? groups[0].shape : shapes[index], pattern: pattern,
                    place: nil))
            if index > 0, groups[index].shape != groups[0].shape, random.chance(0.12) {
                groups[index].colour = groups[0].colour
            }
        }
        var spec = SceneSpec(
            groups: groups, relation: nil, ground: ground, namesGround: random.chance(0.35))
        setPlaces(&spec, &random)
        return spec
    }

    private static func ground(_ photograph: String?, _ random: inout WorldRandom) -> Ground {
        if let photograph { return .photograph(photograph) }
        let plain: [ColourName] = [
            .white, .white, .grey, .black, .blue, .green, .yellow, .pink, .brown, .cyan, .purple,
        ]
        switch random.integer(0...9) {
        case 0...4: return .plain(random.pick(plain))
        case 5...6:
            let first = random.pick(plain)
            return .gradient(first, random.pick(plain.filter { $0 != first }))
        default: return .cloudy(random.pick(plain))
        }
    }

    /// Whether a colour can be seen on the ground.
    static func stands(_ colour: ColourName, on ground: Ground) -> Bool {
        func far(_ other: ColourName) -> Bool { colour != other && colour.distance(to: other.value) > 0.35 }
        switch ground {
        case .plain(let name), .cloudy(let name): return far(name)
        case .gradient(let first, let second): return far(first) && far(second)
        case .photograph: return true
        }
    }

    private static func setPlaces(_ spec: inout SceneSpec, _ random: inout WorldRandom) {
        switch spec.groups.count {
        case 1:
            if random.chance(0.6) { spec.groups[0].place = random.pick(Place.allCases) }
        case 2:
            if random.chance(0.3) {
                spec.relation = random.pick(Relation.allCases)
            } else if random.chance(0.75) {
                let first = random.pick(Place.allCases)
                spec.groups[0].place = first
                spec.groups[1].place = random.pick(first.others)
            }
        default:
            if random.chance(0.6) {
                let corners = random.shuffled(Place.corners)
                for index in 0..<3 { spec.groups[index].place = corners[index] }
            }
        }
    }

    /// What a prompt claims instead of the truth: some facts changed, or a group that is not there.
    package static func contradicting(_ scene: SceneSpec, _ random: inout WorldRandom) -> SceneSpec {
        var claim = scene
        // A third group leaves no words for patterns.
        let plain = claim.groups.allSatisfy { $0.pattern == .plain }
        if random.chance(0.12), claim.groups.count == 1 || claim.groups.count == 2 && plain, claim.relation == nil {
            claim.groups.append(absentGroup(scene, &random))
            if random.chance(0.6) { return claim }
        }
        let wanted = random.pick([1, 1, 1, 2, 2, 3])
        var done = 0
        for _ in 0..<24 where done < wanted {
            let index = random.integer(0...scene.groups.count - 1)
            let changed: Bool
            switch random.integer(0...9) {
            case 0...2: changed = changeColour(&claim, index, scene, &random)
            case 3...4: changed = changeCount(&claim, index, scene, &random)
            case 5...6: changed = changeShape(&claim, index, scene, &random)
            case 7...8: changed = changePlace(&claim, index, scene, &random)
            default: changed = changePattern(&claim, index, scene, &random)
            }
            if changed { done += 1 }
        }
        return claim
    }

    /// The groups of the picture about which the claim says something false.
    package static func wrongGroups(_ claim: SceneSpec, _ scene: SceneSpec) -> Set<Int> {
        var wrong = Set(scene.groups.indices.filter { claim.groups[$0] != scene.groups[$0] })
        if claim.relation != scene.relation { wrong.formUnion([0, 1]) }
        return wrong
    }

    private static func absentGroup(_ scene: SceneSpec, _ random: inout WorldRandom) -> ObjectGroup {
        let shapes = ShapeKind.allCases.filter { shape in !scene.groups.contains { $0.shape == shape } }
        let free = Place.allCases.filter { place in
            scene.groups.allSatisfy { $0.place?.others.contains(place) ?? false }
        }
        return ObjectGroup(
            count: random.integer(1...3), colour: random.pick(ColourName.allCases), shape: random.pick(shapes),
            pattern: .plain, place: free.isEmpty ? nil : random.pick(free))
    }

    private static func changeColour(
        _ claim: inout SceneSpec, _ index: Int, _ scene: SceneSpec, _ random: inout WorldRandom
    ) -> Bool {
        guard claim.groups[index].colour == scene.groups[index].colour else { return false }
        let truth = scene.groups[index].colour
        let choices = ColourName.allCases.filter { $0 != truth && $0.distance(to: truth.value) > 0.35 }
        claim.groups[index].colour = random.pick(choices)
        return true
    }

    private static func changeCount(
        _ claim: inout SceneSpec, _ index: Int, _ scene: SceneSpec, _ random: inout WorldRandom
    ) -> Bool {
        guard claim.groups[index].count == scene.groups[index].count else { return false }
        claim.groups[index].count = random.pick((1...maximumCount).filter { $0 != scene.groups[index].count })
        return true
    }

    private static func changeShape(
        _ claim: inout SceneSpec, _ index: Int, _ scene: SceneSpec, _ random: inout WorldRandom
    ) -> Bool {
        guard claim.groups[index].shape == scene.groups[index].shape else { return false }
        claim.groups[index].shape = random.pick(
            ShapeKind.allCases.filter { shape in !scene.groups.contains { $0.shape == shape } })
        return true
    }

    /// Sides become other sides and corners other corners, so that each word is true or false by itself.
    private static func changePlace(
        _ claim: inout SceneSpec, _ index: Int, _ scene: SceneSpec, _ random: inout WorldRandom
    ) -> Bool {
        if let relation = scene.relation {
            guard claim.relation == relation else { return false }
            claim.relation = relation.opposite
            return true
        }
        guard let truth = scene.groups[index].place, claim.groups[index].place == truth, truth != .centre else {
            return false
        }
        let choices = Place.sides.contains(truth) ? truth.others : Place.corners.filter { $0 != truth }
        claim.groups[index].place = random.pick(choices)
        return true
    }

    private static func changePattern(
        _ claim: inout SceneSpec, _ index: Int, _ scene: SceneSpec, _ random: inout WorldRandom
    ) -> Bool {
        guard claim.groups.count < 3, claim.groups[index].pattern == scene.groups[index].pattern else { return false }
        claim.groups[index].pattern = random.pick(
            Pattern.allCases.filter { $0 != .plain && $0 != scene.groups[index].pattern })
        return true
    }
}
