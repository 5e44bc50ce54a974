
import broker.intake.models
import broker.parties.models
import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='User',
            fields=[
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('person_id', models.UUIDField(default=uuid.uuid4)),
                ('username', models.CharField(max_length=150, unique=True)),
                ('display_name', models.CharField(max_length=150)),
                ('email', models.EmailField(blank=True, max_length=254)),
                ('role', models.CharField(choices=[('clerk', 'Court clerk'), ('legal', 'Legal staff of the operator'), ('counsel', 'Rights-holder counsel'), ('authority', 'Criminal authority'), ('engineer', 'Engineer of the operator'), ('auditor', 'Auditor')], max_length=16)),
                ('is_active', models.BooleanField(default=True)),
            ],
            options={
                'db_table': 'user_account',
            },
        ),
        migrations.CreateModel(
            name='OrderDocument',
            fields=[
                ('sha256', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('content', models.BinaryField()),
                ('size_bytes', models.PositiveIntegerField()),
            ],
            options={
                'db_table': 'order_document',
            },
        ),
        migrations.CreateModel(
            name='PackVersion',
            fields=[
                ('text_hash', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('pack', models.CharField(max_length=32)),
                ('content', models.TextField()),
            ],
            options={
                'db_table': 'pack_version',
            },
        ),
        migrations.CreateModel(
            name='RequestLine',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField()),
                ('address', models.GenericIPAddressField()),
                ('source_port', models.PositiveIntegerField(null=True)),
                ('observed_at', models.DateTimeField()),
                ('observed_text', models.CharField(max_length=64)),
                ('unit_seconds', models.DecimalField(decimal_places=3, max_digits=9)),
                ('evidence', models.CharField(max_length=200)),
                ('state', models.CharField(choices=[('RECEIVED', 'Received'), ('REFUSED', 'Refused'), ('INCOMPLETE', 'Incomplete'), ('AWAITING_ORDER', 'Awaiting Order'), ('UNDER_REVIEW', 'Under Review'), ('DENIED', 'Denied'), ('CONTESTED', 'Contested'), ('APPROVED', 'Approved'), ('WAITING', 'Waiting'), ('RELEASING', 'Releasing'), ('RELEASED', 'Released'), ('WITHDRAWN', 'Withdrawn'), ('EXPIRED', 'Expired'), ('RECALLED', 'Recalled'), ('NEEDS_ATTENTION', 'Needs Attention')], max_length=16)),
            ],
            options={
                'db_table': 'request_line',
                'ordering': ['request', 'number'],
            },
        ),
        migrations.CreateModel(
            name='ApiKey',
            fields=[
                ('prefix', models.CharField(default=broker.parties.models._new_prefix, max_length=16, primary_key=True, serialize=False)),
                ('digest', models.CharField(max_length=64)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('revoked_at', models.DateTimeField(null=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='api_keys', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'api_key',
            },
        ),
        migrations.CreateModel(
            name='Event',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('xid', models.BigIntegerField(default=0)),
                ('recorded_at', models.DateTimeField(default=None, null=True)),
                ('kind', models.CharField(max_length=64)),
                ('subject_kind', models.CharField(max_length=32)),
                ('subject_id', models.UUIDField()),
                ('actor', models.UUIDField(null=True)),
                ('new_state', models.CharField(max_length=32, null=True)),
                ('members_digest', models.CharField(max_length=64, null=True)),
                ('body', models.JSONField(default=dict)),
            ],
            options={
                'db_table': 'event',
                'indexes': [models.Index(fields=['subject_id', 'recorded_at'], name='event_subject'), models.Index(fields=['xid'], name='event_xid')],
                'constraints': [models.CheckConstraint(condition=models.Q(('kind__regex', '^[a-z][a-z-]*:[a-z][a-z-]*$')), name='event_kind_is_a_tag'), models.CheckConstraint(condition=models.Q(models.Q(('members_digest', None), ('new_state', None)), models.Q(('members_digest__regex', '^[0-9a-f]{64}$'), ('new_state__isnull', False)), _connector='OR'), name='event_moves_whole_or_nothing')],
            },
        ),
        migrations.CreateModel(
            name='DisclosureRequest',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('reference', models.CharField(default=broker.intake.models.new_reference, max_length=20, unique=True)),
                ('proceeding', models.CharField(choices=[('civil', 'Civil'), ('criminal', 'Criminal'), ('administrative', 'Administrative')], max_length=16)),
                ('jurisdiction', models.CharField(max_length=8)),
                ('measure', models.CharField(choices=[('disclosure', 'Disclosure of the subscriber'), ('preservation', 'Preservation of data'), ('disconnection', 'Disconnection of a subscriber'), ('filtering', 'Filtering or blocking'), ('monitoring', 'Monitoring from now on'), ('repeat-infringer-notice', 'Notice or sanction for repeated infringement')], max_length=32)),
                ('legal_relation', models.CharField(max_length=500)),
                ('purpose', models.CharField(max_length=2000)),
                ('categories', models.JSONField()),
                ('facts', models.JSONField(default=dict)),
                ('as_of', models.DateField(null=True)),
                ('filed_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('filed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL)),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='broker.event')),
            ],
            options={
                'db_table': 'disclosure_request',
                'ordering': ['-filed_at'],
            },
        ),
        migrations.CreateModel(
            name='CourtOrder',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('file_number', models.CharField(max_length=100)),
                ('uploaded_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('state', models.CharField(choices=[('RECEIVED', 'Received'), ('VERIFIED', 'Verified'), ('REJECTED', 'Rejected'), ('REVOKED', 'Revoked')], max_length=16)),
                ('uploaded_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL)),
                ('request', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='orders', to='broker.disclosurerequest')),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='broker.event')),
                ('document', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='broker.orderdocument')),
            ],
            options={
                'db_table': 'court_order',
                'ordering': ['uploaded_at'],
            },
        ),
        migrations.CreateModel(
            name='FactAnswer',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('fact', models.CharField(max_length=64)),
                ('value', models.JSONField()),
                ('reason', models.CharField(max_length=1000)),
                ('answered_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('answered_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL)),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='broker.event')),
                ('request', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='answers', to='broker.disclosurerequest')),
            ],
            options={
                'db_table': 'fact_answer',
                'ordering': ['id'],
            },
        ),
        migrations.CreateModel(
            name='Note',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('move', models.CharField(max_length=16)),
                ('reason', models.CharField(max_length=2000)),
                ('event', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='broker.event')),
                ('request', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='notes', to='broker.disclosurerequest')),
                ('written_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'decision_note',
            },
        ),
        migrations.CreateModel(
            name='OrderTerms',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('version', models.PositiveIntegerField()),
                ('order_by', models.CharField(choices=[('court', 'A court'), ('investigating-judge', 'An investigating judge'), ('prosecutor', 'A public prosecutor'), ('police', 'The police'), ('independent-authority', 'An independent authority')], max_length=32)),
                ('proceeding', models.CharField(choices=[('civil', 'Civil'), ('criminal', 'Criminal'), ('administrative', 'Administrative')], max_length=16)),
                ('judge', models.CharField(max_length=200)),
                ('issued_on', models.DateField()),
                ('expires_on', models.DateField()),
                ('addressee', models.CharField(max_length=200)),
                ('legal_basis', models.CharField(max_length=500)),
                ('categories', models.JSONField()),
                ('recipient', models.CharField(max_length=200)),
                ('use_terms', models.CharField(max_length=1000)),
                ('notice_terms', models.CharField(max_length=1000)),
                ('findings', models.JSONField(default=dict)),
                ('entered_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('entered_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL)),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='broker.event')),
                ('order', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='terms', to='broker.courtorder')),
            ],
            options={
                'db_table': 'order_terms',
                'ordering': ['order', 'version'],
            },
        ),
        migrations.CreateModel(
            name='Organisation',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('operator', 'Operator'), ('court', 'Court'), ('counsel', 'Counsel'), ('authority', 'Authority'), ('auditor', 'Auditor')], max_length=16)),
                ('name', models.CharField(max_length=120)),
                ('jurisdiction', models.CharField(help_text='Id of the rule pack of its place, such as es.', max_length=8)),
            ],
            options={
                'db_table': 'organisation',
                'constraints': [models.UniqueConstraint(fields=('kind', 'name'), name='organisation_known_once'), models.UniqueConstraint(condition=models.Q(('kind', 'operator')), fields=('kind',), name='organisation_one_operator')],
            },
        ),
        migrations.AddField(
            model_name='disclosurerequest',
            name='court',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='requests_before_it', to='broker.organisation'),
        ),
        migrations.AddField(
            model_name='disclosurerequest',
            name='organisation',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='requests', to='broker.organisation'),
        ),
        migrations.AddField(
            model_name='courtorder',
            name='court',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='orders', to='broker.organisation'),
        ),
        migrations.CreateModel(
            name='CourtCertificate',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('der', models.BinaryField()),
                ('sha256', models.CharField(max_length=64)),
                ('registered_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('withdrawn_at', models.DateTimeField(null=True)),
                ('court', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='certificates', to='broker.organisation')),
            ],
            options={
                'db_table': 'court_certificate',
            },
        ),
        migrations.AddField(
            model_name='user',
            name='organisation',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='broker.organisation'),
        ),
        migrations.CreateModel(
            name='OutboxRow',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('assess', 'Assess'), ('check-order', 'Check Order'), ('release', 'Release')], max_length=32)),
                ('subject_id', models.UUIDField()),
                ('version', models.PositiveIntegerField(default=1)),
                ('done', models.BooleanField(default=False)),
                ('next_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('last_error', models.CharField(blank=True, max_length=64)),
            ],
            options={
                'db_table': 'outbox',
                'indexes': [models.Index(condition=models.Q(('done', False)), fields=['next_at'], name='outbox_due')],
                'constraints': [models.UniqueConstraint(fields=('kind', 'subject_id'), name='outbox_once_per_subject')],
            },
        ),
        migrations.CreateModel(
            name='AssessmentRecord',
            fields=[
                ('digest', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('content', models.TextField()),
                ('outcome', models.CharField(max_length=16)),
                ('granted', models.JSONField()),
                ('pack_version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='broker.packversion')),
            ],
            options={
                'db_table': 'assessment_record',
            },
        ),
        migrations.CreateModel(
            name='RecipientKey',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('public_key', models.CharField(max_length=2048)),
                ('fingerprint', models.CharField(max_length=64)),
                ('registered_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('withdrawn_at', models.DateTimeField(null=True)),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='recipient_keys', to='broker.organisation')),
                ('registered_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'recipient_key',
            },
        ),
        migrations.CreateModel(
            name='TrancheLine',
            fields=[
                ('line', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='tranche_line', serialize=False, to='broker.requestline')),
            ],
            options={
                'db_table': 'tranche_line',
            },
        ),
        migrations.AddField(
            model_name='requestline',
            name='event',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='broker.event'),
        ),
        migrations.AddField(
            model_name='requestline',
            name='request',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='broker.disclosurerequest'),
        ),
        migrations.CreateModel(
            name='OrderCheck',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('number', models.PositiveSmallIntegerField()),
                ('code', models.CharField(max_length=64)),
                ('title', models.CharField(max_length=200)),
                ('passed', models.BooleanField(null=True)),
                ('detail', models.CharField(blank=True, max_length=500)),
                ('order', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='checks', to='broker.courtorder')),
                ('terms', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='checks', to='broker.orderterms')),
                ('line', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='order_checks', to='broker.requestline')),
            ],
            options={
                'db_table': 'order_check',
                'ordering': ['order', 'number', 'id'],
            },
        ),
        migrations.CreateModel(
            name='LineAssessment',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('for_study', models.BooleanField()),
                ('sequence', models.BigIntegerField()),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='broker.event')),
                ('record', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='broker.assessmentrecord')),
                ('terms', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to='broker.orderterms')),
                ('line', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='assessments', to='broker.requestline')),
            ],
            options={
                'db_table': 'line_assessment',
            },
        ),
        migrations.CreateModel(
            name='Decision',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('round', models.PositiveSmallIntegerField()),
                ('seat', models.PositiveSmallIntegerField()),
                ('person', models.UUIDField()),
                ('verdict', models.CharField(choices=[('approve', 'Approve'), ('deny', 'Deny')], max_length=8)),
                ('reason', models.CharField(max_length=2000)),
                ('decided_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('decided_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL)),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='broker.event')),
                ('assessment', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='broker.lineassessment')),
                ('line', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='decisions', to='broker.requestline')),
            ],
            options={
                'db_table': 'decision',
                'ordering': ['round', 'seat'],
            },
        ),
        migrations.CreateModel(
            name='StateMove',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('subject_id', models.UUIDField()),
                ('old_state', models.CharField(blank=True, max_length=32)),
                ('new_state', models.CharField(max_length=32)),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='broker.event')),
            ],
            options={
                'db_table': 'state_move',
            },
        ),
        migrations.CreateModel(
            name='TermsLine',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField()),
                ('address', models.GenericIPAddressField()),
                ('source_port', models.PositiveIntegerField(null=True)),
                ('from_at', models.DateTimeField()),
                ('until_at', models.DateTimeField()),
                ('terms', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='broker.orderterms')),
            ],
            options={
                'db_table': 'terms_line',
                'ordering': ['terms', 'number'],
            },
        ),
        migrations.CreateModel(
            name='Tranche',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='broker.event')),
                ('recipient_key', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='broker.recipientkey')),
                ('request', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='tranches', to='broker.disclosurerequest')),
                ('terms', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='broker.orderterms')),
            ],
            options={
                'db_table': 'tranche',
            },
        ),
        migrations.CreateModel(
            name='SealedRelease',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('package', models.BinaryField()),
                ('sha256', models.CharField(max_length=64)),
                ('size_bytes', models.PositiveIntegerField()),
                ('recipient_fingerprint', models.CharField(max_length=64)),
                ('sealed_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='broker.event')),
                ('tranche', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='release', to='broker.tranche')),
            ],
            options={
                'db_table': 'sealed_release',
            },
        ),
        migrations.AddConstraint(
            model_name='orderterms',
            constraint=models.UniqueConstraint(fields=('order', 'version'), name='order_terms_version'),
        ),
        migrations.AddConstraint(
            model_name='courtorder',
            constraint=models.UniqueConstraint(fields=('court', 'file_number', 'document'), name='court_order_attached_once'),
        ),
        migrations.AddConstraint(
            model_name='courtorder',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['RECEIVED', 'VERIFIED', 'REJECTED', 'REVOKED'])), name='court_order_state_known'),
        ),
        migrations.AddConstraint(
            model_name='courtcertificate',
            constraint=models.UniqueConstraint(fields=('court', 'sha256'), name='court_certificate_known_once'),
        ),
        migrations.AddConstraint(
            model_name='recipientkey',
            constraint=models.UniqueConstraint(condition=models.Q(('withdrawn_at', None)), fields=('organisation',), name='recipient_key_one_active'),
        ),
        migrations.AddField(
            model_name='trancheline',
            name='tranche',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='tranche_lines', to='broker.tranche'),
        ),
        migrations.AddIndex(
            model_name='requestline',
            index=models.Index(fields=['state', 'request'], name='request_line_state'),
        ),
        migrations.AddConstraint(
            model_name='requestline',
            constraint=models.UniqueConstraint(fields=('request', 'number'), name='request_line_number'),
        ),
        migrations.AddConstraint(
            model_name='requestline',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['RECEIVED', 'REFUSED', 'INCOMPLETE', 'AWAITING_ORDER', 'UNDER_REVIEW', 'DENIED', 'CONTESTED', 'APPROVED', 'WAITING', 'RELEASING', 'RELEASED', 'WITHDRAWN', 'EXPIRED', 'RECALLED', 'NEEDS_ATTENTION'])), name='request_line_state_known'),
        ),
        migrations.AddConstraint(
            model_name='requestline',
            constraint=models.CheckConstraint(condition=models.Q(('source_port', None), models.Q(('source_port__gte', 1), ('source_port__lte', 65535)), _connector='OR'), name='request_line_port_range'),
        ),
        migrations.AddConstraint(
            model_name='ordercheck',
            constraint=models.UniqueConstraint(fields=('order', 'terms', 'line', 'number'), name='order_check_once', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='lineassessment',
            constraint=models.UniqueConstraint(fields=('line', 'sequence'), name='line_assessment_sequence'),
        ),
        migrations.AddConstraint(
            model_name='decision',
            constraint=models.UniqueConstraint(fields=('line', 'round', 'person'), name='decision_two_people'),
        ),
        migrations.AddConstraint(
            model_name='decision',
            constraint=models.UniqueConstraint(fields=('line', 'round', 'seat'), name='decision_one_per_seat'),
        ),
        migrations.AddConstraint(
            model_name='decision',
            constraint=models.CheckConstraint(condition=models.Q(('seat__in', [1, 2])), name='decision_two_seats'),
        ),
        migrations.AddConstraint(
            model_name='decision',
            constraint=models.CheckConstraint(condition=models.Q(('round__in', [1, 2])), name='decision_two_rounds'),
        ),
        migrations.AddConstraint(
            model_name='decision',
            constraint=models.CheckConstraint(condition=models.Q(('verdict__in', ['approve', 'deny'])), name='decision_verdict_known'),
        ),
        migrations.AddConstraint(
            model_name='statemove',
            constraint=models.UniqueConstraint(fields=('subject_id', 'event'), name='state_move_event_used_once'),
        ),
        migrations.AddConstraint(
            model_name='termsline',
            constraint=models.UniqueConstraint(fields=('terms', 'number'), name='terms_line_number'),
        ),
        migrations.AddConstraint(
            model_name='termsline',
            constraint=models.CheckConstraint(condition=models.Q(('from_at__lt', models.F('until_at'))), name='terms_line_interval'),
        ),
        migrations.AddConstraint(
            model_name='termsline',
            constraint=models.UniqueConstraint(fields=('terms', 'address', 'source_port', 'from_at', 'until_at'), name='terms_line_selector_once', nulls_distinct=False),
        ),
    ]
